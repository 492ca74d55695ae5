/** The watch over a silent stream. */
import { describe, expect, test, vi } from 'vitest'
import { formatStatus } from '../src/formatStatus.js'
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

describe('4: watchdog', () => {
  test('stale after 1.5 heartbeats, replaced after 2.5', async () => {
    await opened()
    const first = fake.last()
    await pass(29_999)
    expect(client.connection.stale).toBe(false)
    await pass(1)
    expect(client.connection).toMatchObject({ status: 'open', stale: true })
    expect(formatStatus(client.connection, Date.now()).label).toBe('Connecting...')
    await pass(20_000)
    expect(first.isAborted).toBe(true)
    expect(client.connection).toMatchObject({
      status: 'reconnecting',
      stale: false,
      error: { code: 'heartbeat_timeout' },
    })
    await pass(500)
    expect(fake.streams).toHaveLength(2)
  })

  test('bytes of any kind keep it alive, and end staleness at once', async () => {
    await opened()
    await pass(30_000)
    expect(client.connection.stale).toBe(true)
    fake.last().sink.activity()
    expect(client.connection.stale).toBe(false)
    for (let i = 0; i < 10; i++) {
      await pass(25_000)
      fake.last().sink.activity()
    }
    expect(fake.streams).toHaveLength(1)
    expect(client.connection.stale).toBe(false)
  })

  test('an event starts no timer', async () => {
    await opened()
    const setTimer = vi.spyOn(globalThis, 'setTimeout')
    for (let i = 0; i < 100; i++) fake.last().event('a', i, `p${i}`)
    expect(setTimer).not.toHaveBeenCalled()
  })

  test('after a sleep it waits a second for bytes that are queued', async () => {
    await opened()
    const first = fake.last()
    // The clock jumps without the timers.
    vi.setSystemTime(Date.now() + 600_000)
    await pass(10_000)
    expect(first.isAborted).toBe(false)
    first.sink.activity()
    await pass(1_000)
    expect(first.isAborted).toBe(false)
    vi.setSystemTime(Date.now() + 600_000)
    await pass(10_000)
    expect(first.isAborted).toBe(false)
    await pass(1_000)
    expect(first.isAborted).toBe(true)
  })

  test('no answer within the limit is a failed try', async () => {
    make({ connectTimeoutMs: 3_000 })
    client.subscribe('a', keep)
    await pass(3_000)
    expect(fake.streams[0]?.isAborted).toBe(true)
    expect(client.connection.error).toMatchObject({ code: 'connect_timeout' })
  })

  test('heartbeat: false never replaces a silent stream', async () => {
    await opened({ heartbeat: false })
    await pass(3_600_000)
    expect(fake.streams).toHaveLength(1)
  })

  test('the heartbeat reaches its subscribers and is no event in the counters', async () => {
    make()
    client.subscribe('system/heartbeat', keep)
    await pass()
    fake.last().open().ready().event('system/heartbeat', { status: 'alive' })
    expect(data()).toEqual([{ status: 'alive' }])
    expect(client.stats()).toMatchObject({ received: 0, lastEventAt: null })
  })
})
