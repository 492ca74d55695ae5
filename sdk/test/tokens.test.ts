/** Tokens, refusals, and disconnecting by hand. */
import { describe, expect, test } from 'vitest'
import { makeError } from '../src/makeError.js'
import {
  client,
  eachTestHasAClient,
  fake,
  gaps,
  keep,
  make,
  opened,
  pass,
} from './support/client.js'

eachTestHasAClient()

describe('7: tokens and refusals', () => {
  test('a token that is refused is asked for once more', async () => {
    const asked: string[] = []
    make({
      getToken: ({ reason }) => {
        asked.push(reason)
        return `token${asked.length}`
      },
    })
    client.subscribe('a', keep)
    await pass()
    expect(fake.last().request.headers.Authorization).toBe('Bearer token1')
    fake.last().fail(makeError('unauthorized', '401', { status: 401 }))
    await pass()
    expect(fake.last().request.headers.Authorization).toBe('Bearer token2')
    expect(asked).toEqual(['connect', 'unauthorized'])
    fake.last().fail(makeError('unauthorized', '401', { status: 401 }))
    await pass(120_000)
    expect(client.connection).toMatchObject({ status: 'closed', reason: 'auth' })
    expect(fake.streams).toHaveLength(2)
    client.reconnect()
    await pass()
    expect(fake.streams).toHaveLength(3)
  })

  test('a token that expires in mid-stream is renewed at once and silently', async () => {
    let n = 0
    await opened({ getToken: async () => `token${++n}` })
    fake.last().event('a', 1, 'p1')
    fake.last().send({ reason: 'token_expired' }, { event: 'connection_close' })
    await pass()
    expect(client.connection.status).toBe('open')
    expect(fake.last().request.headers.Authorization).toBe('Bearer token2')
    expect(fake.last().request.lastEventId).toBe('p1')
    fake.last().open({ recovered: true }).ready()
    expect(gaps).toEqual([])
  })

  test('a token that expires at once, again and again, ends the tries', async () => {
    let n = 0
    await opened({ getToken: () => `token${++n}` })
    for (let i = 0; i < 2; i++) {
      fake.last().send({ reason: 'token_expired' }, { event: 'connection_close' })
      await pass()
      fake.last().open({ recovered: true }).ready()
    }
    expect(client.connection).toMatchObject({ status: 'closed', reason: 'auth' })
    expect(n).toBe(2)
  })

  test('a provider of tokens that fails is a failed try', async () => {
    make({
      getToken: () => {
        throw new Error('signed out')
      },
    })
    client.subscribe('a', keep)
    await pass()
    expect(client.connection).toMatchObject({ status: 'connecting', error: { code: 'network' } })
    expect(client.connection.error?.message).toContain('signed out')
  })

  test.each([
    [204, 'server_stop', 'server'],
    [403, 'forbidden', 'auth'],
    [400, 'http', 'server'],
    [404, 'http', 'server'],
  ] as const)('%i ends the tries', async (status, code, reason) => {
    await opened()
    fake.last().fail(makeError(code, `${status}`, { status }))
    await pass(120_000)
    expect(client.connection).toMatchObject({ status: 'closed', reason, error: { status } })
    expect(fake.streams).toHaveLength(1)
    client.reconnect()
    await pass()
    fake.last().open({ recovered: true })
    expect(client.connection).toMatchObject({ status: 'open', reason: null })
  })

  test.each([408, 425, 429, 500, 502, 503])('%i is tried again', async (status) => {
    await opened()
    fake.last().fail(makeError('http', `${status}`, { status }))
    await pass(500)
    expect(fake.streams).toHaveLength(2)
  })

  test('disconnect by hand stays until reconnect, and the subscriptions with it', async () => {
    await opened()
    client.disconnect()
    client.subscribe('b', keep)
    await pass(60_000)
    expect(fake.streams).toHaveLength(1)
    expect(client.connection).toMatchObject({ status: 'idle', reason: 'manual' })
    client.reconnect()
    await pass()
    expect(fake.last().channels).toEqual(['a', 'b'])
  })
})
