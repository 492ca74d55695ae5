/** The waits between tries after a loss. */
import { describe, expect, test, vi } from 'vitest'
import { formatStatus } from '../src/formatStatus.js'
import { makeError } from '../src/makeError.js'
import { client, eachTestHasAClient, fake, keep, make, opened, pass } from './support/client.js'

eachTestHasAClient()

describe('3: back-off', () => {
  test('the longest wait doubles from the base to the cap, and waits spread over all of it', async () => {
    make()
    client.subscribe('a', keep)
    await pass()
    const waits: number[] = []
    for (let i = 0; i < 9; i++) {
      fake.last().fail()
      const wait = (client.connection.nextRetryAt ?? 0) - Date.now()
      waits.push(Math.round(wait))
      await pass(wait + 1)
      expect(fake.streams).toHaveLength(i + 2)
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000])
    vi.mocked(Math.random).mockReturnValue(0)
    fake.last().fail()
    expect(client.connection.nextRetryAt).toBe(Date.now())
  })

  test('a stable stream starts it anew, so the first wait is at most the base', async () => {
    make()
    client.subscribe('a', keep)
    await pass()
    for (let i = 0; i < 5; i++) {
      fake.last().fail()
      await pass(30_000)
    }
    fake.last().open()
    await pass(1_000)
    fake.last().fail()
    expect(Math.round((client.connection.nextRetryAt ?? 0) - Date.now())).toBe(500)
  })

  test('a stream that dies at once keeps at most the second step', async () => {
    make()
    client.subscribe('a', keep)
    await pass()
    for (let i = 0; i < 8; i++) {
      fake.last().fail()
      await pass(30_000)
    }
    for (let i = 0; i < 3; i++) {
      fake.last().open()
      fake.last().fail()
      expect(Math.round((client.connection.nextRetryAt ?? 0) - Date.now())).toBe(2_000)
      await pass(2_000)
    }
  })

  test('a planned reconnect does not wait for the back-off of an earlier loss', async () => {
    make()
    client.subscribe('a', keep)
    await pass()
    for (let i = 0; i < 4; i++) {
      fake.last().fail()
      await pass(30_000)
    }
    fake.last().open().ready()
    await pass(1_000)
    client.subscribe('b', keep)
    await pass()
    fake.last().fail()
    expect(Math.round((client.connection.nextRetryAt ?? 0) - Date.now())).toBe(500)
  })

  test('retry of the server sets the base, within bounds', async () => {
    await opened()
    for (const [told, base] of [
      [3_000, 3_000],
      [1, 50],
      [600_000, 30_000],
    ] as const) {
      fake.last().sink.retry(told)
      await pass(1_000)
      fake.last().fail()
      expect(Math.round((client.connection.nextRetryAt ?? 0) - Date.now())).toBe(base)
      await pass(base)
      fake.last().open({ recovered: true })
    }
  })

  test('Retry-After is a lower bound', async () => {
    await opened()
    fake.last().fail(makeError('http', '503', { status: 503 }), 7_000)
    expect(client.connection.nextRetryAt).toBe(Date.now() + 7_000)
  })

  test('after maxAttempts it gives up until reconnect', async () => {
    await opened({ backoff: { maxAttempts: 2 } })
    fake.last().fail()
    await pass(500)
    fake.last().fail()
    expect(client.connection.status).toBe('reconnecting')
    await pass(1_000)
    fake.last().fail()
    expect(client.connection).toMatchObject({ status: 'closed', error: { code: 'network' } })
    await pass(60_000)
    expect(fake.streams).toHaveLength(3)
    client.reconnect()
    await pass()
    fake.last().open()
    expect(client.connection).toMatchObject({ status: 'open', error: null, reason: null })
  })

  test('the red label comes from the time down and not from the number of tries', async () => {
    await opened()
    vi.mocked(Math.random).mockReturnValue(0.01)
    fake.last().fail()
    let n = 0
    while (client.connection.attempt < 4) {
      await pass(50)
      if (fake.streams.length > n) {
        n = fake.streams.length
        fake.last().fail()
      }
    }
    expect(formatStatus(client.connection, Date.now())).toMatchObject({ label: 'Connecting...' })
    const { downSince } = client.connection
    expect(formatStatus(client.connection, (downSince ?? 0) + 9_999).label).toBe('Connecting...')
    expect(formatStatus(client.connection, (downSince ?? 0) + 10_000).label).toBe('Disconnected')
  })
})
