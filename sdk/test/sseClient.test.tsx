// @vitest-environment happy-dom
/** The client and the hooks under the names of the earlier systems. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, render } from '@testing-library/react'
import { StrictMode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SSEClient } from '../src/sse-client.js'
import {
  type SSEConnection,
  useLeasesStreamQuery,
  useSSEConnection,
} from '../src/sse-client-react.js'
import { fakeTransport } from './support/fakeTransport.js'

let fake: ReturnType<typeof fakeTransport>
const clients: SSEClient[] = []
const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)

function make(options: ConstructorParameters<typeof SSEClient>[0] = {}): SSEClient {
  const client = new SSEClient({ transport: fake.transport, onError: () => {}, ...options })
  clients.push(client)
  return client
}

beforeEach(() => {
  vi.useFakeTimers()
  fake = fakeTransport()
})
afterEach(() => {
  cleanup()
  for (const client of clients.splice(0)) client.close()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

test('subscribe connects once for all subscriptions of a turn, any channel works, the last end disconnects', async () => {
  const client = make()
  const got: unknown[] = []
  const ends = [
    'dns/status',
    'dns/info',
    'dns/log/event',
    'dns/log/',
    'dns/cache/',
    'dns/blacklist/',
    'dns/whitelist/',
    'my/own',
  ].map((channel) => client.subscribe(channel, (data) => got.push(data)))
  await pass()
  expect(fake.streams).toHaveLength(1)
  fake.last().open().ready().event('dns/log/', 1).event('dns/log/event', 2).event('my/own', 3)
  expect(got).toEqual([1, 2, 3])
  for (const end of ends) end()
  await pass(1_000)
  expect(fake.last().isAborted).toBe(true)
})

test('system/heartbeat reaches its subscribers', async () => {
  const client = make()
  const got: unknown[] = []
  client.subscribe('system/heartbeat', (data) => got.push(data))
  await pass()
  fake.last().open().ready().event('system/heartbeat', { status: 'alive' })
  expect(got).toEqual([{ status: 'alive' }])
})

test('onConnectionChange tells the state at once, then only changes', async () => {
  const client = make()
  const told: boolean[] = []
  const end = client.onConnectionChange((isConnected) => told.push(isConnected))
  expect(told).toEqual([false])
  client.subscribe('a', () => {})
  await pass()
  fake.last().open().ready()
  fake.last().event('a', 1)
  expect(told).toEqual([false, true])
  client.forceDisconnect()
  expect(told).toEqual([false, true, false])
  end()
  client.reconnect()
  await pass()
  fake.last().open()
  expect(told).toHaveLength(3)
})

test('connect follows the whole stream, and every callback gets the event once', async () => {
  const onEvent = vi.fn()
  const onConnectionChange = vi.fn()
  const client = make({ url: '/api/v1/leases/stream', onEvent, onConnectionChange })
  const calls: string[] = []
  client.onopen = () => calls.push('open')
  client.onmessage = () => calls.push('message')
  client.onclose = () => calls.push('close')
  const end = client.addEventListener('lease_added', () => calls.push('lease_added'))
  client.connect()
  await pass()
  expect(new URL(fake.last().request.url).search).toBe('')
  fake.last().sink.open()
  fake.last().send({ client_id: 'c1' }, { event: 'connection_established' }).ready()
  fake.last().send({ event_type: 'lease_added' }, { event: 'lease-added', id: '1' })
  expect(onEvent).toHaveBeenCalledTimes(1)
  expect(client.getConnectionStatus()).toMatchObject({
    state: 'connected',
    lastEvent: { event_type: 'lease_added' },
    lastEventTime: expect.any(Date),
    reconnectAttempts: 0,
  })
  expect(client.requestId).toBe('c1')
  expect(client.lastEventId).toBe('1')
  end()
  fake.last().send({ event_type: 'lease_added' }, { event: 'lease-added', id: '2' })
  client.disconnect()
  expect(calls).toEqual(['open', 'message', 'lease_added', 'message', 'close'])
  expect(onConnectionChange.mock.calls).toEqual([[true], [false]])
  expect(client.getConnectionStatus().state).toBe('disconnected')
})

test('the number of tries grows over failures, and at the limit the state is error', async () => {
  const onError = vi.fn()
  const client = make({ maxReconnectAttempts: 3, onError })
  client.connect()
  await pass()
  const seen = []
  for (let i = 0; i < 3; i++) {
    const { state, reconnectAttempts } = client.getConnectionStatus()
    seen.push([state, reconnectAttempts])
    fake.last().fail()
    await pass(1_000 * 2 ** i)
  }
  expect(seen).toEqual([
    ['connecting', 0],
    ['connecting', 1],
    ['connecting', 2],
  ])
  expect(client.getConnectionStatus()).toMatchObject({ state: 'error', error: 'cut' })
  expect(onError).toHaveBeenCalled()
})

test('onReset tells a gap, and a subscribe after disconnect connects again', async () => {
  const client = make()
  const resets: unknown[] = []
  client.onReset((gap) => resets.push(gap))
  client.subscribe('a', () => {})
  await pass()
  fake.last().open().ready()
  fake.last().send({ channels: ['a'], reason: 'trimmed' }, { event: 'reset' })
  expect(resets).toMatchObject([{ channels: ['a'], reason: 'trimmed' }])
  client.disconnect()
  client.subscribe('b', () => {})
  await pass()
  expect(fake.last().channels).toEqual(['a', 'b'])
})

test('getInstance is the same until it is closed', () => {
  const first = SSEClient.getInstance({ transport: fake.transport })
  expect(SSEClient.getInstance()).toBe(first)
  first.close()
  const second = SSEClient.getInstance({ transport: fake.transport })
  expect(second).not.toBe(first)
  second.close()
})

test('useSSEConnection holds one stream while mounted, also under StrictMode', async () => {
  let connection: SSEConnection | undefined
  const Label = () => {
    connection = useSSEConnection({ transport: fake.transport, onError: () => {} })
    return <p>{connection.connectionStatus.state}</p>
  }
  const page = render(
    <StrictMode>
      <Label />
    </StrictMode>,
  )
  await act(() => pass())
  expect(fake.streams.filter((stream) => !stream.isAborted)).toHaveLength(1)
  expect(page.container.textContent).toBe('connecting')
  await act(async () => fake.last().open())
  expect(page.container.textContent).toBe('connected')
  expect(connection).toMatchObject({ isConnected: true, isConnecting: false, hasError: false })
  await act(async () => connection?.disconnect())
  expect(page.container.textContent).toBe('disconnected')
  await act(async () => {
    connection?.connect()
    await pass()
  })
  await act(async () => fake.last().open())
  expect(page.container.textContent).toBe('connected')
  page.unmount()
  expect(fake.last().isAborted).toBe(true)
})

test('useLeasesStreamQuery loads again for a newer version and after a gap, and not for the one it has', async () => {
  let version = 3
  const loads: string[] = []
  // The stream itself goes through `fetch` as well, since the hook takes no transport.
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined
  vi.stubGlobal('fetch', async (url: string | URL) => {
    if (!String(url).includes('/stream')) {
      loads.push(String(url))
      return new Response('[]', { headers: { 'x-tidings-version': String(version) } })
    }
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        stream = controller
      },
    })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  const say = (event: string, data: object) =>
    act(async () => {
      stream?.enqueue(
        new TextEncoder().encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
      )
      await pass(10)
    })
  const Leases = () => {
    const { data, isConnected } = useLeasesStreamQuery()
    return (
      <p>
        {String(isConnected)} {data?.length ?? '-'}
      </p>
    )
  }
  const page = render(
    <QueryClientProvider client={new QueryClient()}>
      <Leases />
    </QueryClientProvider>,
  )
  await act(() => pass(10))
  await say('connection_established', { client_id: 'c1', heartbeat_seconds: 30 })
  expect(page.container.textContent).toBe('true 0')
  expect(loads).toHaveLength(1)
  await say('data_changed', { event_type: 'data_changed', version: 3 })
  expect(loads).toHaveLength(1)
  version = 4
  await say('data_changed', { event_type: 'data_changed', version: 4 })
  expect(loads).toHaveLength(2)
  await say('reset', { channels: null, reason: 'epoch' })
  expect(loads).toHaveLength(3)
  page.unmount()
})
