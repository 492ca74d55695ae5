/** Sharing over message ports: tabs, the worker, and what happens when either is gone. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ClientOptions, Gap } from '../src/api.js'
import { connectShared, type SharedClient, type SharedOptions } from '../src/connectShared.js'
import { makeError } from '../src/makeError.js'
import { serveShared } from '../src/serveShared.js'
import { fakeTransport } from './support/fakeTransport.js'

/** A port that delivers in a turn of its own, as the real ones do, and clones. */
class FakePort {
  onmessage: ((event: { data: unknown }) => void) | null = null
  other: FakePort | null = null
  postMessage(data: unknown): void {
    const copy = structuredClone(data)
    setTimeout(() => this.other?.onmessage?.({ data: copy }), 0)
  }
}

let fake: ReturnType<typeof fakeTransport>
let connect: ((event: MessageEvent) => void) | null
let isAlive: boolean
let patched: string[]
const clients: SharedClient[] = []
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
/** Messages go both ways before everybody has heard everything. */
const settle = () => pass(20)

/** Starts the worker. */
function serve(options: Partial<ClientOptions> = {}): void {
  serveShared(
    { addEventListener: (_, listener) => (connect = listener) },
    {
      url: 'http://hub.test/api/sse/stream',
      transport: fake.transport,
      patch: async ({ add }) => {
        patched.push(...add)
      },
      ...options,
    },
  )
}

/** Opens a tab; the worker answers while it is alive. */
function open(options: Partial<SharedOptions> = {}): SharedClient {
  const makeWorker = () => {
    const [near, far] = [new FakePort(), new FakePort()]
    near.other = far
    if (isAlive) far.other = near
    // Only what the tab uses of a worker and a port is there.
    connect?.({ ports: [far] } as unknown as MessageEvent)
    return { port: near, addEventListener() {} } as unknown as SharedWorker
  }
  const client = connectShared(makeWorker, {
    url: 'http://own.test/api/sse/stream',
    transport: fake.transport,
    ...options,
  })
  clients.push(client)
  return client
}

beforeEach(() => {
  vi.useFakeTimers()
  fake = fakeTransport()
  connect = null
  isAlive = true
  patched = []
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await pass(2_000)
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('all tabs share one stream, and each gets what it follows', async () => {
  serve()
  const [one, two] = [open(), open()]
  const got: unknown[] = []
  one.subscribe('a', ({ data }) => got.push(['one a', data]))
  two.subscribe('a', ({ data }) => got.push(['two a', data]))
  two.subscribe('b/*', ({ data, id, type }) => got.push(['two b', data, id, type]))
  await settle()
  expect(fake.streams).toHaveLength(1)
  fake.last().open()
  await settle()
  expect([...fake.last().channels, ...patched]).toEqual(['a', 'b/*'])
  fake.last().ready(['a', 'b/*'])
  fake.last().event('a', 1, 'p1').event('b/x', 2, 'p2')
  await settle()
  expect(got).toEqual([
    ['one a', 1],
    ['two a', 1],
    ['two b', 2, 'p2', 'test'],
  ])
  expect(one.connection).toMatchObject({ status: 'open', connectionId: 'c1', ready: true })
  expect(one.isConnected()).toBe(true)
  expect(one.stats()).toMatchObject({ received: 1, lastEventId: 'p1', opens: 1 })
  one.close()
  two.close()
  await pass(1_100)
  expect(fake.last().isAborted).toBe(true)
})

test('a late tab gets the state and is live at once', async () => {
  serve()
  const first = open()
  first.subscribe('x', () => {})
  await settle()
  fake.last().open().event('x', { n: 1 }).ready()
  await settle()
  const second = open()
  const told: unknown[] = []
  second.subscribe('x', ({ data }) => told.push(data), { onLive: () => told.push('live') })
  await settle()
  expect(told).toEqual([{ n: 1 }, 'live'])
  expect(fake.streams).toHaveLength(1)
  expect(second.connection.status).toBe('open')
})

test('gaps, losses and errors reach every tab', async () => {
  serve()
  const tabs = [open(), open()]
  const gaps: Gap[] = []
  for (const tab of tabs) tab.subscribe('a', () => {}, { onGap: (gap) => gaps.push(gap) })
  await settle()
  fake
    .last()
    .open()
    .ready()
    .send({ channels: ['a'], reason: 'trimmed' }, { event: 'reset' })
  await settle()
  expect(gaps.map(({ reason }) => reason)).toEqual(['trimmed', 'trimmed'])
  fake.last().fail(makeError('http', 'the server answered 503', { status: 503 }), 60_000)
  await settle()
  for (const tab of tabs) {
    expect(tab.connection).toMatchObject({
      status: 'reconnecting',
      error: { code: 'http', status: 503, message: 'the server answered 503' },
    })
    expect(tab.connection.error).toBeInstanceOf(Error)
  }
  tabs[0]?.reconnect()
  await settle()
  expect(fake.streams).toHaveLength(2)
})

test('the worker asks a tab for the token', async () => {
  serve()
  const asked: string[] = []
  open()
  const tab = open({
    getToken: ({ reason }) => {
      asked.push(reason)
      return 'secret'
    },
  })
  tab.subscribe('a', () => {})
  await settle()
  expect(asked).toEqual(['connect'])
  expect(fake.last().request.headers.Authorization).toBe('Bearer secret')
  fake.last().open().ready()
  await pass(6_000)
})

test('disconnect of one tab leaves the others, disconnectAll does not', async () => {
  serve()
  const [one, two] = [open(), open()]
  one.subscribe('a', () => {})
  two.subscribe('a', () => {})
  await settle()
  fake.last().open().ready()
  await settle()
  one.disconnect()
  await settle()
  expect(one.connection).toMatchObject({ status: 'idle', reason: 'manual' })
  expect(two.connection.status).toBe('open')
  one.reconnect()
  await settle()
  expect(fake.last().isAborted).toBe(false)
  two.disconnectAll()
  await settle()
  expect(fake.last().isAborted).toBe(true)
  expect(one.connection).toMatchObject({ status: 'idle', reason: 'manual' })
  one.reconnect()
  await settle()
  fake.last().open({ recovered: true }).ready()
  await settle()
  expect(two.connection.status).toBe('open')
})

test('a tab that is silent for three minutes is given up, and told so when it speaks again', async () => {
  serve()
  const [near, far] = [new FakePort(), new FakePort()]
  near.other = far
  far.other = near
  const heard: string[] = []
  // The messages have a kind.
  near.onmessage = ({ data }) => heard.push((data as { kind: string }).kind)
  connect?.({ ports: [far] } as unknown as MessageEvent)
  near.postMessage({ kind: 'hello', names: ['a'], hasToken: false })
  await settle()
  fake.last().open().ready()
  await pass(241_000)
  expect(fake.streams.every(({ isAborted }) => isAborted)).toBe(true)
  expect(heard).toContain('welcome')
  near.postMessage({ kind: 'ping' })
  await settle()
  expect(heard.at(-1)).toBe('gone')
})

test('a tab that was given up says hello again and tells a gap', async () => {
  const [near, far] = [new FakePort(), new FakePort()]
  near.other = far
  far.other = near
  const heard: unknown[] = []
  far.onmessage = ({ data }) => heard.push(data)
  const gaps: Gap[] = []
  // Only what the tab uses of a worker is there.
  const worker = { port: near, addEventListener() {} } as unknown as SharedWorker
  const tab = connectShared(() => worker, {
    url: 'http://own.test/',
    onGap: (gap) => gaps.push(gap),
  })
  clients.push(tab)
  tab.subscribe('a', () => {})
  await settle()
  far.postMessage({ kind: 'welcome', protocol: 1, connection: tab.connection })
  far.postMessage({ kind: 'gone' })
  await settle()
  expect(heard.at(-1)).toEqual({ kind: 'hello', names: ['a'], hasToken: false })
  expect(gaps).toMatchObject([{ reason: 'unrecovered' }])
})

test('a worker of another build is not used', async () => {
  const near = new FakePort()
  const worker = { port: near, addEventListener() {} } as unknown as SharedWorker
  const onFallback = vi.fn()
  const tab = connectShared(() => worker, {
    url: 'http://own.test/',
    transport: fake.transport,
    onFallback,
  })
  clients.push(tab)
  near.onmessage?.({ data: { kind: 'welcome', protocol: 0, connection: tab.connection } })
  expect(onFallback).toHaveBeenCalledWith('the shared worker is of another build')
})

test.each([
  ['there is no SharedWorker', () => (connect = null), 0],
  ['it does not answer within 2 s', () => (isAlive = false), 2_000],
])('%s: the tab holds a stream of its own', async (_, breakIt, wait) => {
  serve()
  breakIt()
  const onFallback = vi.fn()
  const got: unknown[] = []
  const tab =
    wait === 0
      ? connectShared(
          () => {
            throw new ReferenceError('SharedWorker is not defined')
          },
          { url: 'http://own.test/api/sse/stream', transport: fake.transport, onFallback },
        )
      : open({ onFallback })
  clients.push(tab)
  tab.subscribe('a', ({ data }) => got.push(data))
  await pass(wait)
  await settle()
  expect(onFallback).toHaveBeenCalledTimes(1)
  const own = fake.streams.filter(({ request }) => request.url.startsWith('http://own.test'))
  expect(own).toHaveLength(1)
  own[0]?.open().ready().event('a', 1)
  expect(got).toEqual([1])
  expect(tab.connection.status).toBe('open')
})

test('a worker that dies is replaced by a stream of the tab, and that is a gap', async () => {
  serve()
  const onFallback = vi.fn()
  const tab = open({ onFallback })
  const gaps: Gap[] = []
  tab.subscribe('a', () => {}, { onGap: (gap) => gaps.push(gap) })
  await settle()
  fake.last().open().ready()
  await settle()
  const dead = vi.spyOn(FakePort.prototype, 'postMessage').mockImplementation(() => {})
  await pass(61_000)
  dead.mockRestore()
  expect(onFallback).toHaveBeenCalledWith('the shared worker does not answer')
  expect(gaps.map(({ reason }) => reason)).toEqual(['unrecovered'])
  expect(fake.streams.some(({ request }) => request.url.startsWith('http://own.test'))).toBe(true)
  await pass(300_000)
})
