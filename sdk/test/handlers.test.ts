/** Handlers that fail, payloads that do not fit, and what each subscription asks for. */
import { describe, expect, test, vi } from 'vitest'
import type { StandardSchemaV1 } from '../src/api.js'
import {
  client,
  data,
  eachTestHasAClient,
  errors,
  fake,
  keep,
  make,
  opened,
  pass,
} from './support/client.js'

eachTestHasAClient()

describe('6: handlers', () => {
  test('one that throws stops no other', async () => {
    await opened()
    client.subscribe('a', () => {
      throw new Error('broken')
    })
    client.subscribe('a', keep)
    fake.last().event('a', 1)
    expect(data()).toEqual([1, 1])
    expect(errors).toMatchObject([{ code: 'handler' }])
  })

  test('a helper calls its handlers in the same way', () => {
    make().call(() => {
      throw new Error('broken')
    })
    const handler = vi.fn()
    client.call(handler, 1, 'two')
    expect(errors).toMatchObject([{ code: 'handler', message: 'handler: Error: broken' }])
    expect(handler).toHaveBeenCalledWith(1, 'two')
  })

  test('without onError its error is reported as uncaught', async () => {
    make()
    const cause = new Error('broken')
    const later: (() => void)[] = []
    make({ onError: undefined } as object)
    client.subscribe('a', () => {
      throw cause
    })
    await pass()
    fake.last().open()
    vi.stubGlobal('queueMicrotask', (run: () => void) => later.push(run))
    fake.last().event('a', 1)
    expect(() => {
      for (const run of later) run()
    }).toThrow(cause)
  })

  test('what cannot be read is dropped, counted and reported', async () => {
    await opened()
    fake.last().send('{').send('{"data":1}').send('7').event('a', 1)
    expect(data()).toEqual([1])
    expect(client.stats()).toMatchObject({ invalid: 3, received: 1 })
    expect(errors.map(({ code }) => code)).toEqual(Array(3).fill('invalid_payload'))
    fake.last().send('{', { id: 'p7' })
    expect(client.stats().lastEventId).toBe('p7')
  })

  const schemaOf = (
    validate: StandardSchemaV1['~standard']['validate'],
  ): StandardSchemaV1<unknown, never> => ({
    // The payload type is of no matter to these tests.
    '~standard': { version: 1, vendor: 'test', validate: validate as never },
  })

  test('a schema transforms what fits and drops what does not', async () => {
    const number = schemaOf((value) =>
      typeof value === 'number' ? { value: value * 2 } : { issues: [{ message: 'not a number' }] },
    )
    await opened({ schemas: { a: number } as object })
    fake.last().event('a', 'x').event('a', 4)
    expect(data()).toEqual([8])
    expect(client.stats().invalid).toBe(1)
    expect(errors[0]?.message).toContain('not a number')
  })

  test('a schema of a subscription counts for it alone', async () => {
    await opened()
    client.subscribe('a', keep, { schema: schemaOf(() => ({ issues: [{ message: 'never' }] })) })
    fake.last().event('a', 1)
    expect(data()).toEqual([1])
  })

  test('an asynchronous schema is refused', async () => {
    await opened({ schemas: { a: schemaOf(async (value) => ({ value })) } as object })
    fake.last().event('a', 1)
    expect(data()).toEqual([])
    expect(errors[0]?.message).toContain('asynchronous')
  })

  test('types choose events, patterns choose channels, and an end inside a handler counts at once', async () => {
    make()
    client.subscribe('a/*', keep, { types: ['yes'] })
    const end = client.subscribe('a/1', () => end())
    const other = vi.fn()
    client.subscribe('a/1', other)
    await pass()
    fake
      .last()
      .open()
      .event('a/1', 1, null, 'yes')
      .event('a/2', 2, null, 'no')
      .event('b/1', 3, null, 'yes')
    expect(data()).toEqual([1])
    expect(other).toHaveBeenCalledTimes(1)
  })

  test('a signal ends a subscription, also one that is aborted already', async () => {
    await opened()
    const controller = new AbortController()
    client.subscribe('a', keep, { signal: controller.signal })
    fake.last().event('a', 1)
    controller.abort()
    client.subscribe('a', keep, { signal: controller.signal })
    fake.last().event('a', 2)
    expect(data()).toEqual([1, 1, 2])
  })

  test('debug tells state changes and where events go', async () => {
    const lines: string[] = []
    await opened({ debug: { debug: (line) => lines.push(line) } })
    fake.last().event('a', 1, null, 'paid')
    expect(lines).toContain('tidings: connecting -> open')
    expect(lines).toContain('tidings: paid on a to 1 handlers')
  })
})
