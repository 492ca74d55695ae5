/** The end of a client. */
import { describe, expect, test, vi } from 'vitest'
import {
  client,
  data,
  eachTestHasAClient,
  fake,
  keep,
  make,
  opened,
  pass,
} from './support/client.js'

eachTestHasAClient()

describe('11: the end', () => {
  test('close releases the stream, timers and subscriptions, and says so', async () => {
    await opened()
    const seen: string[] = []
    client.onConnectionChange(({ status }) => seen.push(status))
    client.close()
    expect(fake.last().isAborted).toBe(true)
    expect(seen).toEqual(['closed'])
    expect(vi.getTimerCount()).toBe(0)
    fake.last().event('a', 1)
    client.subscribe('a', keep)
    await pass(60_000)
    expect(data()).toEqual([])
    expect(fake.streams).toHaveLength(1)
  })

  test('nothing brings a closed client back', async () => {
    await opened()
    client.close()
    client.reconnect()
    client.disconnect()
    await pass(60_000)
    expect(client.connection.status).toBe('closed')
    expect(fake.streams).toHaveLength(1)
  })

  test('close while a token is being fetched leaves nothing behind', async () => {
    let answer = (_: string): void => {}
    make({ getToken: () => new Promise<string>((resolve) => (answer = resolve)) })
    client.subscribe('a', keep)
    await pass()
    client.close()
    answer('late')
    await pass(60_000)
    expect(fake.streams).toHaveLength(0)
  })
})
