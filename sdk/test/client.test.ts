/** The client without a network: states, back-off, watchdog, resume, handlers. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type {
  ClientOptions,
  Gap,
  StandardSchemaV1,
  TidingsClient,
  TidingsError,
  TidingsEvent,
} from '../src/api.js'
import { createClient } from '../src/client.js'
import { connectionNotice } from '../src/connectionNotice.js'
import { formatStatus } from '../src/formatStatus.js'
import { makeError } from '../src/makeError.js'
import { fakeTransport } from './support/fakeTransport.js'

let fake: ReturnType<typeof fakeTransport>
let client: TidingsClient
let got: TidingsEvent[]
let gaps: Gap[]
let errors: TidingsError[]

/** Lets microtasks and timers that are due run. */
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
const keep = (event: TidingsEvent) => got.push(event)
const data = () => got.map((event) => event.data)

function make(options: Partial<ClientOptions> = {}): TidingsClient {
  client?.close()
  client = createClient({
    url: 'http://hub.test/api/sse/stream',
    transport: fake.transport,
    onGap: (gap) => gaps.push(gap),
    onError: (error) => errors.push(error),
    ...options,
  })
  return client
}

/** A client that follows `a` on an open, ready stream. */
async function opened(options: Partial<ClientOptions> = {}): Promise<TidingsClient> {
  make(options).subscribe('a', keep)
  await pass()
  fake.last().open().ready()
  return client
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.999_999)
  fake = fakeTransport()
  got = []
  gaps = []
  errors = []
})
afterEach(() => {
  client?.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('1: one connection', () => {
  test('subscriptions of one turn make one request', async () => {
    make()
    for (const name of ['a', 'b', 'c/*', 'a']) client.subscribe(name, keep)
    expect(fake.streams).toHaveLength(0)
    await pass()
    expect(fake.streams).toHaveLength(1)
    expect(fake.last().channels).toEqual(['a', 'b', 'c/*'])
  })

  test('the last end disconnects after the linger time', async () => {
    make({ lingerMs: 500 })
    const ends = ['a', 'b'].map((name) => client.subscribe(name, keep))
    await pass()
    fake.last().open()
    ends[0]?.()
    ends[1]?.()
    ends[1]?.()
    await pass(499)
    expect(fake.last().isAborted).toBe(false)
    await pass(1)
    expect(fake.last().isAborted).toBe(true)
    expect(client.connection).toMatchObject({ status: 'idle', reason: 'unused', downSince: null })
  })

  test('an end and a new subscription within the linger time keep the stream', async () => {
    await opened()
    client.subscribe('b', keep)()
    client.subscribe('b', keep)()
    await pass(5_000)
    expect(fake.streams).toHaveLength(1)
  })

  test('after it was unused, it starts from now and not from the old position', async () => {
    make()
    const end = client.subscribe('a', keep)
    await pass()
    fake.last().open().ready().event('a', 1, 'p1')
    end()
    await pass(1_000)
    client.subscribe('a', keep)
    await pass()
    expect(fake.last().request.lastEventId).toBeNull()
    fake.last().open().ready()
    expect(gaps).toEqual([])
  })

  test('a subscription made while connecting waits for the greeting and opens no second stream', async () => {
    const patches: unknown[] = []
    make({
      patch: async ({ add, remove, connectionId }) => {
        patches.push({ add, remove, connectionId })
      },
    })
    client.subscribe('a', keep)
    await pass()
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(1)
    fake.last().open()
    await pass()
    expect(fake.streams).toHaveLength(1)
    expect(patches).toEqual([{ add: ['b'], remove: [], connectionId: 'c1' }])
  })

  test('a fixed set of channels never changes the request', async () => {
    make({ channels: ['dns/**'] })
    client.subscribe('dns/status', keep)
    await pass()
    fake.last().open().ready(['dns/**'])
    client.subscribe('dns/info', keep)
    await pass(5_000)
    expect(fake.streams).toHaveLength(1)
    expect(fake.last().channels).toEqual(['dns/**'])
    fake.last().event('dns/info', 1)
    expect(data()).toEqual([1])
  })
})

describe('2: states', () => {
  test('connecting until the first open ever, then reconnecting', async () => {
    make()
    const statuses: string[] = []
    client.onConnectionChange(({ status }) => statuses.push(status), { emitCurrent: true })
    client.subscribe('a', keep)
    await pass()
    fake.last().fail()
    await pass(500)
    fake.last().open()
    fake.last().fail()
    await pass(1_000)
    fake.last().open()
    const changes = statuses.filter((status, i) => status !== statuses[i - 1])
    expect(changes).toEqual(['idle', 'connecting', 'open', 'reconnecting', 'open'])
  })

  test('a snapshot changes its identity only with its content', async () => {
    await opened()
    const before = client.connection
    fake.last().event('a', 1, 'p1')
    await pass(1_000)
    expect(client.connection).toBe(before)
  })

  test('a change of channels stays open, and the new stream resumes', async () => {
    await opened()
    fake.last().event('a', 1, 'p1')
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(fake.streams[0]?.isAborted).toBe(true)
    expect(fake.last().request.lastEventId).toBe('p1')
    await pass(1_400)
    expect(client.connection.status).toBe('open')
    fake.last().open({ recovered: true }).ready()
    await pass(5_000)
    expect(client.connection.status).toBe('open')
    expect(gaps).toEqual([])
  })

  test('a change of channels that takes longer than 1.5 s is a loss', async () => {
    await opened()
    client.subscribe('b', keep)
    await pass(1_499)
    expect(client.connection.status).toBe('open')
    await pass(1)
    expect(client.connection).toMatchObject({ status: 'reconnecting' })
    expect(client.connection.downSince).toBe(Date.now() - 1_500)
  })

  test('a failed PATCH falls back to a new stream', async () => {
    await opened({ patch: () => Promise.reject(new Error('forbidden')) })
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(fake.last().channels).toEqual(['a', 'b'])
    expect(client.connection.status).toBe('open')
  })

  test('a PATCH that ends after its stream does not hide what the new one lacks', async () => {
    let finish = (): void => {}
    await opened({ patch: () => new Promise((resolve) => (finish = resolve)) })
    client.subscribe('b', keep)
    await pass()
    fake.last().fail()
    await pass(500)
    fake.last().open({ recovered: true, client_id: 'c2' })
    finish()
    await pass()
    expect(fake.last().channels).toEqual(['a', 'b'])
    expect(fake.streams).toHaveLength(2)
  })

  test('offline labels a failed stream and slows it down, and leaves a live one alone', async () => {
    vi.stubGlobal('navigator', { onLine: false })
    await opened()
    expect(client.connection.status).toBe('open')
    fake.last().fail()
    expect(client.connection).toMatchObject({ status: 'offline', nextRetryAt: Date.now() + 30_000 })
    await pass(30_000)
    expect(fake.streams).toHaveLength(2)
  })

  test('the server says that it stops: reconnecting with the reason', async () => {
    await opened()
    fake.last().send({ reason: 'server_shutdown' }, { event: 'connection_close' })
    expect(client.connection).toMatchObject({
      status: 'reconnecting',
      error: { code: 'server_close' },
    })
  })

  test('a stream at the end of its lifetime is replaced without a word', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').send({ reason: 'max_lifetime' }, { event: 'connection_close' })
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(client.connection.status).toBe('open')
  })

  test.each(['kicked', 'revoked'])(
    '%s stays away for a minute, whatever wakes it',
    async (reason) => {
      await opened()
      fake.last().send({ reason }, { event: 'connection_close' })
      expect(client.connection.nextRetryAt).toBe(Date.now() + 60_000)
    },
  )

  test.each([
    [{ status: 401, message: 'no token' }, 'unauthorized'],
    [{ status: 403, message: 'not for you' }, 'forbidden'],
  ])('rejected in the stream ends the tries: %o', async (told, code) => {
    await opened()
    fake.last().send(told, { event: 'rejected' })
    expect(client.connection).toMatchObject({
      status: 'closed',
      reason: 'auth',
      error: { code, message: told.message, status: told.status },
    })
    await pass(120_000)
    expect(fake.streams).toHaveLength(1)
  })
})

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

describe('5: resume and gaps', () => {
  const lose = async () => {
    fake.last().fail()
    await pass(500)
  }

  test('the position goes with every reconnect, and nothing is a gap when it recovered', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2, 'p2')
    await lose()
    expect(fake.last().request.lastEventId).toBe('p2')
    fake.last().open({ recovered: true }).event('a', 3, 'p3').ready()
    expect(data()).toEqual([1, 2, 3])
    expect(gaps).toEqual([])
    expect(client.connection.recovered).toBe(true)
  })

  test('a block of only an id moves the position', async () => {
    await opened()
    fake.last().sink.position('p9')
    await lose()
    expect(fake.last().request.lastEventId).toBe('p9')
  })

  test('control frames and state do not move it', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2).send('{}', { event: 'dropped' })
    expect(client.stats().lastEventId).toBe('p1')
  })

  test('an explicit empty id clears it', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2, '')
    expect(client.stats().lastEventId).toBeNull()
    expect(data()).toEqual([1, 2])
  })

  test('a reconnect that says nothing of recovery is a gap for every subscription', async () => {
    await opened()
    const told: Gap[] = []
    client.subscribe('a', keep, { onGap: (gap) => told.push(gap) })
    await lose()
    fake.last().open()
    expect(told).toEqual([{ reason: 'unrecovered', channels: null, from: null, to: null }])
    expect(client.stats().gaps).toBe(1)
  })

  test('a server that greets nobody is a gap before its first event', async () => {
    const order: unknown[] = []
    make({ onGap: ({ reason }) => order.push(reason) })
    client.subscribe('a', (event) => order.push(event.data))
    await pass()
    fake.last().sink.open()
    fake.last().event('a', 1)
    await lose()
    fake.last().sink.open()
    fake.last().event('a', 2)
    expect(order).toEqual([1, 'unrecovered', 2])
  })

  test('reset names its channels, once, before what follows', async () => {
    await opened()
    const told: unknown[] = []
    client.subscribe('b', keep, { onGap: () => told.push('b') })
    client.subscribe('a*/x', keep, { onGap: () => told.push('a*/x') })
    client.subscribe('a', ({ data }) => told.push(data), { onGap: () => told.push('a') })
    await pass()
    fake.last().open({ recovered: true }).ready()
    fake.last().event('a', 1, 'p1')
    await lose()
    fake
      .last()
      .open({ recovered: false })
      .send(
        { channels: ['a'], reason: 'trimmed', from: 'p1', to: 'p5' },
        { event: 'reset', id: 'p5' },
      )
      .event('a', 6, 'p6')
      .ready()
    expect(told).toEqual([1, 'a', 6])
    expect(gaps).toEqual([{ channels: ['a'], reason: 'trimmed', from: 'p1', to: 'p5' }])
  })

  test('not recovered and no reset either is a gap, at the latest when it is ready', async () => {
    await opened()
    await lose()
    fake.last().open({ recovered: false })
    expect(gaps).toEqual([])
    fake.last().ready()
    expect(gaps).toMatchObject([{ reason: 'unrecovered' }])
  })

  test('a reset moves the position', async () => {
    await opened()
    fake
      .last()
      .send(
        { channels: null, reason: 'lagged', from: 'p1', to: 'p5' },
        { event: 'reset', id: 'p5' },
      )
    expect(client.stats().lastEventId).toBe('p5')
  })

  test('an event that was too large is a gap', async () => {
    await opened()
    fake.last().sink.overflow()
    expect(gaps).toMatchObject([{ reason: 'overflow' }])
    expect(errors).toMatchObject([{ code: 'overflow' }])
  })

  test('own ids are seen once; events without one are never duplicates', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 1, 'p1').event('a', 'state').event('a', 'state')
    expect(data()).toEqual([1, 'state', 'state'])
    expect(client.stats().duplicates).toBe(1)
  })

  test('the ring of ids forgets the oldest, and all after a gap', async () => {
    await opened({ dedupe: 3 })
    for (const id of ['p1', 'p2', 'p3', 'p4']) fake.last().event('a', id, id)
    fake.last().event('a', 'p4 again', 'p4').event('a', 'p1 again', 'p1')
    expect(data()).toEqual(['p1', 'p2', 'p3', 'p4', 'p1 again'])
    fake.last().send({ channels: null, reason: 'epoch' }, { event: 'reset' })
    fake.last().event('a', 'p4 after', 'p4')
    expect(data().at(-1)).toBe('p4 after')
  })

  test('dropped ephemeral events are counted and told, and are no gap', async () => {
    const dropped: number[] = []
    await opened()
    client.subscribe('a', keep, { onDropped: (n) => dropped.push(n) })
    fake.last().send({ dropped: 7 }, { event: 'dropped' })
    expect(dropped).toEqual([7])
    expect(client.stats().dropped).toBe(7)
    expect(gaps).toEqual([])
  })

  test('onLive comes once, when the server follows the name', async () => {
    const live: string[] = []
    make({ patch: async () => {} })
    client.subscribe('a', keep, { onLive: () => live.push('a') })
    await pass()
    fake.last().open()
    expect(live).toEqual([])
    fake.last().ready()
    client.subscribe('b/*', keep, { onLive: () => live.push('b') })
    await pass()
    expect(live).toEqual(['a'])
    fake.last().ready(['a', 'b/*'])
    await lose()
    fake.last().open({ recovered: true }).ready()
    expect(live).toEqual(['a', 'b'])
  })

  test('state is kept for late subscribers, ephemeral events are not', async () => {
    make()
    client.subscribe('x/**', keep)
    await pass()
    fake.last().open().event('x/state', 1).ready().event('x/state', 2).event('x/log', 3)
    const late: unknown[] = []
    client.subscribe('x/**', (event) => late.push(event.data))
    await pass()
    expect(late).toEqual([2])
  })
})

test('state of a channel added by PATCH is kept, also when the first ready comes after the call', async () => {
  make({ patch: () => new Promise(() => {}) })
  client.subscribe('a', keep)
  await pass()
  fake.last().open()
  client.subscribe('b', keep)
  await pass()
  fake.last().ready(['a']).event('b', 1).ready(['a', 'b'])
  const late: unknown[] = []
  client.subscribe('b', (event) => late.push(event.data))
  await pass()
  expect(late).toEqual([1])
})

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

  test('without onError its error is reported as uncaught', async () => {
    make()
    const cause = new Error('broken')
    const later: (() => void)[] = []
    client.close()
    client = createClient({ url: 'http://hub.test/', transport: fake.transport })
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

describe('10: batches and iterators', () => {
  test('a batch comes once per period and holds what came since', async () => {
    await opened()
    const batches: unknown[][] = []
    client.subscribeBatch('a', (events) => batches.push(events.map((event) => event.data)), {
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
    client.subscribeBatch('a', handler)
    fake.last().event('a', 1)
    await pass(250)
    expect(handler).toHaveBeenCalledTimes(1)
  })

  test('over the limit the batch is dropped and told as a gap', async () => {
    await opened()
    const told: unknown[] = []
    client.subscribeBatch('a', (events) => told.push(events.length), {
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
    client.subscribeBatch('a', (events) => told.push(events.length), {
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
    const end = client.subscribeBatch('a', handler, { every: 100 })
    fake.last().event('a', 1)
    end()
    await pass(1_000)
    expect(handler).not.toHaveBeenCalled()
  })

  test('an iterator gets what came before and after it is read, and leaving it ends it', async () => {
    make()
    const events = client.stream('a')
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
    const strict = client.stream('a', { buffer: 2 })
    const onGap = vi.fn()
    const lenient = client.stream('a', { buffer: 2, onGap })
    for (let i = 0; i < 3; i++) fake.last().event('a', i)
    await expect(strict.next()).rejects.toMatchObject({ code: 'overflow' })
    await expect(strict.next()).resolves.toMatchObject({ done: true })
    expect(onGap).toHaveBeenCalledTimes(1)
    await expect(lenient.next()).resolves.toMatchObject({ value: { data: 2 } })
  })

  test('a signal ends a reader that waits', async () => {
    await opened()
    const controller = new AbortController()
    const next = client.stream('a', { signal: controller.signal }).next()
    controller.abort()
    await expect(next).resolves.toMatchObject({ done: true })
  })
})

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

describe('notice', () => {
  test('none before the first connection, one per outage after the grace time, and its end', async () => {
    make()
    const told: unknown[] = []
    const end = connectionNotice(client, {
      lost: () => told.push('lost'),
      restored: (ms) => told.push(ms),
    })
    client.subscribe('a', keep)
    await pass()
    fake.last().fail()
    await pass(450)
    await pass(5_000)
    expect(told).toEqual([])
    fake.last().open()
    await pass(2_000)
    vi.mocked(Math.random).mockReturnValue(0.1)
    fake.last().fail()
    await pass(50)
    fake.last().open({ recovered: true })
    await pass(5_000)
    expect(told).toEqual([])
    fake.last().fail()
    await pass(999)
    expect(told).toEqual([])
    await pass(1)
    expect(told).toEqual(['lost'])
    fake.last().fail()
    await pass(6_000)
    fake.last().open({ recovered: true })
    expect(told).toEqual(['lost', 7_000])
    end()
    fake.last().fail()
    await pass(5_000)
    expect(told).toHaveLength(2)
  })
})
