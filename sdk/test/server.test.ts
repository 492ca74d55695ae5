/** The client against the real server. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Gap, TidingsClient, TidingsEvent } from '../src/api.js'
import { createClient } from '../src/client.js'
import { patchChannels } from '../src/patchChannels.js'
import { binary, type Server, startServer } from './support/tidings.js'
import { until } from './support/until.js'

describe.skipIf(!binary)('against the real server', () => {
  let server: Server
  let client: TidingsClient
  let got: TidingsEvent[]
  let gaps: Gap[]

  beforeEach(async () => {
    server = await startServer()
    got = []
    gaps = []
    client = createClient({
      url: `${server.url}/api/sse/stream`,
      patch: patchChannels,
      backoff: { baseMs: 50, maxMs: 200 },
      onGap: (gap) => gaps.push(gap),
    })
  })
  afterEach(async () => {
    client.close()
    await server.close()
  })

  const keep = (event: TidingsEvent) => got.push(event)
  const data = () => got.map((event) => event.data)
  const ready = () => until(() => client.connection.ready)
  const connections = async () => {
    // The shape is the contract of the endpoint.
    const told = (await server.get('/api/sse/connections')) as {
      connections: { channels: string[] }[]
    }
    return told.connections
  }

  test('connects, and gets events with id, type and time', async () => {
    client.subscribe('orders/**', keep)
    await ready()
    const [position] = await server.publish({
      channel: 'orders/42',
      type: 'paid',
      data: { amount: 5 },
    })
    await until(() => got.length === 1)
    expect(got[0]).toEqual({
      id: position,
      channel: 'orders/42',
      type: 'paid',
      timestamp: expect.any(Number),
      data: { amount: 5 },
    })
    expect(client.connection).toMatchObject({
      status: 'open',
      heartbeatMs: 30_000,
      recovered: null,
      connectionId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      serverVersion: expect.any(String),
    })
    expect(client.stats().lastEventId).toBe(position)
  })

  test('after a crash of the server it resumes without a gap or a duplicate', async () => {
    client.subscribe('orders', keep)
    await ready()
    await server.publish({ channel: 'orders', data: 1 })
    await until(() => got.length === 1)
    await server.stop('SIGKILL')
    await until(() => client.connection.status === 'reconnecting')
    await server.start()
    await server.publish({ channel: 'orders', data: 2 }, { channel: 'orders', data: 3 })
    await until(() => got.length === 3)
    expect(data()).toEqual([1, 2, 3])
    expect(gaps).toEqual([])
    await until(() => client.connection.ready)
    expect(client.connection).toMatchObject({ status: 'open', recovered: true, attempt: 0 })
  })

  test('a stop of the server is told in the stream', async () => {
    client.subscribe('orders', keep)
    await ready()
    // The first one counts: later tries fail in their own way until the server is back.
    const errors: unknown[] = []
    client.onConnectionChange(({ error }) => error && errors.push(error))
    await server.stop('SIGTERM')
    await until(() => errors.length)
    expect(errors[0]).toMatchObject({
      code: 'server_close',
      message: expect.stringContaining('server_shutdown'),
    })
    await server.start()
    await until(() => client.connection.ready)
    expect(gaps).toEqual([])
  })

  test('events that are no longer held are told as a gap that names the channel', async () => {
    client.subscribe('orders', keep)
    client.subscribe('quiet', keep)
    await ready()
    await server.publish({ channel: 'orders', data: 1 })
    await until(() => got.length === 1)
    client.disconnect()
    await until(async () => (await connections()).length === 0)
    await server.publish({ channel: 'orders', data: 2 })
    await fetch(`${server.url}/api/sse/channels/orders/events`, { method: 'DELETE' })
    client.reconnect()
    await until(() => gaps.length)
    expect(gaps).toEqual([expect.objectContaining({ channels: ['orders'], reason: 'trimmed' })])
    await server.publish({ channel: 'orders', data: 3 })
    await until(() => got.length === 2)
    expect(data()).toEqual([1, 3])
  })

  test('another life of the log is told as a gap', async () => {
    let loaded: string | null = 'nonsense'
    client.close()
    client = createClient({
      url: `${server.url}/api/sse/stream`,
      lastEventId: { load: () => loaded, save: (id) => (loaded = id) },
      onGap: (gap) => gaps.push(gap),
    })
    client.subscribe('orders', keep)
    await ready()
    expect(gaps).toEqual([expect.objectContaining({ reason: 'bad_id', from: 'nonsense' })])
    expect(client.connection.recovered).toBe(false)
    await server.publish({ channel: 'orders', data: 1 })
    await until(() => got.length === 1)
    expect(loaded).toBe(got[0]?.id)
  })

  test.each([
    ['by PATCH', patchChannels, 1],
    ['by a new stream', undefined, 2],
  ])('channels change %s without a loss', async (_, patch, opens) => {
    client.close()
    client = createClient({
      url: `${server.url}/api/sse/stream`,
      ...(patch && { patch }),
      lingerMs: 20,
      onGap: (gap) => gaps.push(gap),
    })
    client.subscribe('one', keep)
    await ready()
    const statuses: string[] = []
    client.onConnectionChange(({ status }) => statuses.push(status))
    let isLive = false
    const end = client.subscribe('two/*', keep, { onLive: () => (isLive = true) })
    await until(() => isLive)
    await server.publish({ channel: 'one', data: 1 }, { channel: 'two/x', data: 2 })
    await until(() => got.length === 2)
    expect(data()).toEqual([1, 2])
    expect(client.stats().opens).toBe(opens)
    expect(statuses.every((status) => status === 'open')).toBe(true)
    end()
    await until(async () => (await connections())[0]?.channels.join() === 'one')
    expect(gaps).toEqual([])
  })

  test('state comes to the first and to a late subscriber', async () => {
    client.subscribe('version', keep)
    await until(() => got.length === 1)
    await ready()
    const late: TidingsEvent[] = []
    client.subscribe('version', (event) => late.push(event))
    await until(() => late.length === 1)
    expect(late[0]).toEqual(got[0])
    expect(late[0]?.data).toMatchObject({ version: expect.any(String) })
  })

  test('a kicked client stays away for a minute', async () => {
    client.subscribe('orders', keep)
    await ready()
    const before = Date.now()
    await fetch(`${server.url}/api/sse/connections/${client.connection.connectionId}`, {
      method: 'DELETE',
    })
    const nextRetryAt = await until(() => client.connection.nextRetryAt)
    expect(nextRetryAt - before).toBeGreaterThanOrEqual(60_000)
  })

  test('a refused request ends the tries and says why', async () => {
    client.close()
    client = createClient({ url: `${server.url}/api/sse/stream?heartbeat=1` })
    client.subscribe('orders', keep)
    await until(() => client.connection.status === 'closed')
    expect(client.connection).toMatchObject({
      reason: 'server',
      error: { code: 'http', status: 400 },
    })
  })

  test('eight subscriptions of one turn open one stream, and the last end closes it', async () => {
    client.close()
    client = createClient({ url: `${server.url}/api/sse/stream`, lingerMs: 20 })
    const ends = Array.from({ length: 8 }, (_, i) => client.subscribe(`channel/${i}`, keep))
    await ready()
    expect(client.stats().opens).toBe(1)
    expect(await connections()).toHaveLength(1)
    for (const end of ends) end()
    await until(async () => (await connections()).length === 0)
    expect(client.connection).toMatchObject({ status: 'idle', reason: 'unused' })
  })
})
