// @vitest-environment happy-dom
/** The client in a page: hidden, put into the cache, offline and back. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ClientOptions, TidingsClient } from '../src/api.js'
import { createClient } from '../src/client.js'
import { subscribeBatch } from '../src/subscribeBatch.js'
import { fakeTransport } from './support/fakeTransport.js'

let fake: ReturnType<typeof fakeTransport>
let client: TidingsClient
let isHidden = false

const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

function setHidden(hidden: boolean): void {
  isHidden = hidden
  document.dispatchEvent(new Event('visibilitychange', { bubbles: true }))
}

async function opened(options: Partial<ClientOptions> = {}): Promise<void> {
  client = createClient({ url: '/api/sse/stream', transport: fake.transport, ...options })
  client.subscribe('a', () => {})
  await pass()
  fake.last().open().ready().event('a', 1, 'p1')
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.999_999)
  vi.spyOn(document, 'hidden', 'get').mockImplementation(() => isHidden)
  isHidden = false
  fake = fakeTransport()
})
afterEach(() => {
  client.close()
  expect(vi.getTimerCount()).toBe(0)
  vi.restoreAllMocks()
  vi.useRealTimers()
})

test('a relative URL counts from the page', async () => {
  await opened()
  expect(fake.last().request.url).toBe(`${location.origin}/api/sse/stream?channels=a`)
})

test('8: a page that leaves gives the stream back, and one that returns resumes', async () => {
  await opened()
  dispatchEvent(new Event('pagehide'))
  expect(fake.last().isAborted).toBe(true)
  expect(client.connection).toMatchObject({ status: 'idle', reason: 'hidden' })
  await pass(60_000)
  expect(fake.streams).toHaveLength(1)
  dispatchEvent(new Event('pageshow'))
  await pass()
  expect(fake.streams).toHaveLength(2)
  expect(fake.last().request.lastEventId).toBe('p1')
})

test('8: a hidden page keeps its stream by default', async () => {
  await opened()
  setHidden(true)
  for (let i = 0; i < 60; i++) {
    await pass(20_000)
    fake.last().sink.activity()
  }
  expect(fake.streams).toHaveLength(1)
  expect(client.connection.status).toBe('open')
})

test('8: hiddenMs gives it back, and a visible page resumes without a gap', async () => {
  const onGap = vi.fn()
  await opened({ hiddenMs: 10_000, onGap })
  setHidden(true)
  await pass(9_999)
  setHidden(false)
  await pass(10_000)
  expect(fake.last().isAborted).toBe(false)
  setHidden(true)
  await pass(10_000)
  expect(fake.last().isAborted).toBe(true)
  expect(client.connection).toMatchObject({ status: 'idle', reason: 'hidden' })
  setHidden(false)
  await pass()
  expect(fake.last().request.lastEventId).toBe('p1')
  fake.last().open({ recovered: true }).ready()
  expect(onGap).not.toHaveBeenCalled()
})

test.each([
  ['the network is back', () => dispatchEvent(new Event('online'))],
  ['the page is visible', () => setHidden(false)],
])('3: a pending retry is pulled close when %s', async (_, wake) => {
  await opened()
  for (let i = 0; i < 8; i++) {
    fake.last().fail()
    await pass((client.connection.nextRetryAt ?? 0) - Date.now())
  }
  fake.last().fail()
  const { length } = fake.streams
  expect((client.connection.nextRetryAt ?? 0) - Date.now()).toBeGreaterThan(20_000)
  wake()
  expect((client.connection.nextRetryAt ?? 0) - Date.now()).toBeLessThanOrEqual(250)
  await pass(250)
  expect(fake.streams).toHaveLength(length + 1)
})

test('2: a network that is back ends the label at once', async () => {
  vi.stubGlobal('navigator', { onLine: false })
  await opened()
  fake.last().fail()
  expect(client.connection.status).toBe('offline')
  vi.stubGlobal('navigator', { onLine: true })
  dispatchEvent(new Event('online'))
  expect(client.connection.status).toBe('reconnecting')
  vi.unstubAllGlobals()
})

test('3: nothing pulls a retry before the time that the server asked for', async () => {
  await opened()
  fake.last().send({ reason: 'kicked' }, { event: 'connection_close' })
  dispatchEvent(new Event('online'))
  setHidden(false)
  expect((client.connection.nextRetryAt ?? 0) - Date.now()).toBe(60_000)
})

test('11: close takes every listener away', async () => {
  const count = { added: 0, removed: 0 }
  const targets = [globalThis, document]
  for (const target of targets) {
    const add = target.addEventListener.bind(target)
    const spy: typeof add = (
      name: string,
      run: EventListener,
      options?: AddEventListenerOptions,
    ) => {
      count.added++
      options?.signal?.addEventListener('abort', () => count.removed++)
      add(name, run, options)
    }
    vi.spyOn(target, 'addEventListener').mockImplementation(spy)
  }
  await opened()
  expect(count.added).toBe(4)
  client.close()
  expect(count.removed).toBe(4)
  dispatchEvent(new Event('pageshow'))
  dispatchEvent(new Event('online'))
  setHidden(false)
  await pass(60_000)
  expect(fake.streams).toHaveLength(1)
})

test('10: batches follow frames while the page is painted', async () => {
  await opened()
  const frames: (() => void)[] = []
  vi.spyOn(globalThis, 'requestAnimationFrame').mockImplementation((run) =>
    frames.push(() => run(0)),
  )
  vi.spyOn(globalThis, 'cancelAnimationFrame').mockImplementation(() => {})
  const sizes: number[] = []
  subscribeBatch(client, 'a', (events) => sizes.push(events.length))
  fake.last().event('a', 2, 'p2').event('a', 3, 'p3')
  expect(frames).toHaveLength(1)
  frames[0]?.()
  expect(sizes).toEqual([2])
  // A hidden page paints no frames; the timer beside them takes over.
  fake.last().event('a', 4, 'p4')
  await pass(250)
  expect(sizes).toEqual([2, 1])
})
