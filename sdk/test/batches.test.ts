/** Batches and iterators, made of a subscription. */
import { describe, expect, test, vi } from 'vitest'
import { iterate } from '../src/iterate.js'
import { subscribeBatch } from '../src/subscribeBatch.js'
import { client, eachTestHasAClient, fake, make, opened, pass } from './support/client.js'

eachTestHasAClient()

describe('10: batches and iterators', () => {
  test('a batch comes once per period and holds what came since', async () => {
    await opened()
    const batches: unknown[][] = []
    subscribeBatch(client, 'a', (events) => batches.push(events.map((event) => event.data)), {
      every: 100,
    })
    fake.last().event('a', 1).event('a', 2)
    await pass(99)
    expect(batches).toEqual([])
    await pass(1)
    fake.last().event('a', 3)
    await pass(100)
    expect(batches).toEqual([[1, 2], [3]])
  })

  test('where nothing is painted a timer takes the place of frames', async () => {
    await opened()
    const handler = vi.fn()
    subscribeBatch(client, 'a', handler)
    fake.last().event('a', 1)
    await pass(250)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('over the limit the batch is dropped and told as a gap', async () => {
    await opened()
    const told: unknown[] = []
    subscribeBatch(client, 'a', (events) => told.push(events.length), {
      every: 100,
      max: 3,
      onGap: ({ reason }) => told.push(reason),
    })
    for (let i = 0; i < 4; i++) fake.last().event('a', i)
    await pass(100)
    expect(told).toEqual(['overflow', 1])
  })

  test('what was gathered before a gap is handed over before it', async () => {
    await opened()
    const told: unknown[] = []
    subscribeBatch(client, 'a', (events) => told.push(events.length), {
      every: 100,
      onGap: () => told.push('gap'),
    })
    fake.last().event('a', 1).send({ channels: null, reason: 'lagged' }, { event: 'reset' })
    await pass(100)
    expect(told).toEqual([1, 'gap'])
  })

  test('nothing comes after the end', async () => {
    await opened()
    const handler = vi.fn()
    const end = subscribeBatch(client, 'a', handler, { every: 100 })
    fake.last().event('a', 1)
    end()
    await pass(1_000)
    expect(handler).not.toHaveBeenCalled()
  })

  test('an iterator gets what came before and after it is read, and leaving it ends it', async () => {
    make()
    const events = iterate(client, 'a')
    await pass()
    fake.last().open().ready().event('a', 1).event('a', 2)
    const seen: unknown[] = []
    const reading = (async () => {
      for await (const event of events) {
        seen.push(event.data)
        if (seen.length === 3) break
      }
    })()
    await pass()
    fake.last().event('a', 3)
    await reading
    expect(seen).toEqual([1, 2, 3])
    await pass(1_000)
    expect(client.connection.reason).toBe('unused')
  })

  test('an iterator whose buffer overflows throws, or tells a gap where that is listened for', async () => {
    await opened()
    const strict = iterate(client, 'a', { buffer: 2 })
    const onGap = vi.fn()
    const lenient = iterate(client, 'a', { buffer: 2, onGap })
    for (let i = 0; i < 3; i++) fake.last().event('a', i)
    await expect(strict.next()).rejects.toMatchObject({ code: 'overflow' })
    await expect(strict.next()).resolves.toMatchObject({ done: true })
    expect(onGap).toHaveBeenCalledTimes(1)
    await expect(lenient.next()).resolves.toMatchObject({ value: { data: 2 } })
  })

  test('a signal ends a reader that waits', async () => {
    await opened()
    const controller = new AbortController()
    const next = iterate(client, 'a', { signal: controller.signal }).next()
    controller.abort()
    await expect(next).resolves.toMatchObject({ done: true })
  })
})
