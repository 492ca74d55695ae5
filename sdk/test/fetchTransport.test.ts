/** The default transport against a real HTTP server: after the HTTP cases of WPT and LaunchDarkly. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ClientOptions, TidingsClient, TidingsEvent } from '../src/api.js'
import { createClient } from '../src/client.js'
import { beginStream, type HttpServer, startHttp } from './support/http.js'
import { until } from './support/until.js'

let server: HttpServer | undefined
let client: TidingsClient | undefined
let got: TidingsEvent[]
const uncaught: unknown[] = []
const onUncaught = (cause: unknown) => uncaught.push(cause)

beforeEach(() => {
  got = []
  uncaught.length = 0
  process.on('unhandledRejection', onUncaught)
})
afterEach(async () => {
  client?.close()
  await server?.close()
  // Rejections are told one turn later.
  await new Promise((resolve) => setTimeout(resolve, 10))
  process.off('unhandledRejection', onUncaught)
  expect(uncaught).toEqual([])
})

function follow(options: Partial<ClientOptions> = {}): TidingsClient {
  client = createClient({
    url: server?.url ?? '',
    backoff: { baseMs: 10, maxMs: 20 },
    ...options,
  })
  client.subscribe('a', (event) => got.push(event))
  return client
}

const frame = (data: unknown, id?: string): string =>
  `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify({ type: 'a', data })}\n\n`

test("asks for an event stream with the caller's headers and token", async () => {
  server = await startHttp((_, response) => beginStream(response))
  const own = follow({ headers: () => ({ 'X-Own': '1' }), getToken: () => 'secret' })
  await until(() => own.isConnected())
  const [request] = server.requests
  expect(request?.headers).toMatchObject({
    accept: 'text/event-stream',
    authorization: 'Bearer secret',
    'x-own': '1',
  })
  expect(request?.headers['last-event-id']).toBeUndefined()
  expect(request?.url).toBe('/api/sse/stream?channels=a')
})

test('a dropped stream is resumed with the header, and an empty id clears it', async () => {
  server = await startHttp((_, response, n) => {
    beginStream(response, [frame(1, 'p1'), frame(2, ''), frame(3)][n])
    if (n < 2) response.end()
  })
  follow()
  await until(() => got.length === 3)
  expect(server.requests.map(({ headers }) => headers['last-event-id'])).toEqual([
    undefined,
    'p1',
    undefined,
  ])
})

test('an event cut short is dropped, and characters split between chunks are not', async () => {
  const bytes = Buffer.from(frame('€'))
  server = await startHttp((_, response, n) => {
    beginStream(response)
    if (n === 0) {
      response.end(`data: ${JSON.stringify({ type: 'a', data: 'lost' })}\n`)
      return
    }
    const middle = bytes.indexOf(0x82)
    response.write(bytes.subarray(0, middle))
    setTimeout(() => response.write(bytes.subarray(middle)), 20)
  })
  follow()
  await until(() => got.length)
  expect(got.map(({ data }) => data)).toEqual(['€'])
})

test.each([
  [204, {}, 'server_stop', 'server'],
  [401, {}, 'unauthorized', 'auth'],
  [403, {}, 'forbidden', 'auth'],
  [404, {}, 'http', 'server'],
  [410, {}, 'http', 'server'],
])('status %i ends the tries', async (status, headers, code, reason) => {
  server = await startHttp((_, response) => response.writeHead(status, headers).end())
  const own = follow()
  await until(() => own.connection.status === 'closed')
  expect(own.connection).toMatchObject({ reason, error: { code, status } })
  expect(server.requests).toHaveLength(1)
})

test.each([
  ['500', 500, { 'Content-Type': 'text/event-stream' }],
  ['503', 503, { 'Content-Type': 'application/problem+json' }],
  ['429', 429, {}],
  ['a page of a captive portal', 200, { 'Content-Type': 'text/html' }],
  ['no content type', 200, {}],
  ['a content type that only begins alike', 200, { 'Content-Type': 'text/event-streams' }],
])('%s is tried again', async (_, status, headers) => {
  server = await startHttp((_request, response, n) => {
    if (n === 0) response.writeHead(status, headers).end(frame('wrong'))
    else beginStream(response, frame('right'))
  })
  follow()
  await until(() => got.length)
  expect(got.map(({ data }) => data)).toEqual(['right'])
})

test.each(['text/event-stream', 'text/event-stream;charset=utf-8', 'TEXT/EVENT-STREAM ; x=y'])(
  'content type %s is a stream',
  async (type) => {
    server = await startHttp((_, response) => {
      response.writeHead(200, { 'Content-Type': type }).write(frame(1))
    })
    follow()
    await until(() => got.length)
  },
)

test('Retry-After is waited for', async () => {
  server = await startHttp((_, response) =>
    response.writeHead(503, { 'Retry-After': '3600' }).end(),
  )
  const own = follow()
  await until(() => own.connection.nextRetryAt)
  expect((own.connection.nextRetryAt ?? 0) - Date.now()).toBeGreaterThan(3_500_000)
})

test.each([301, 302, 303, 307, 308])('a redirect %i is followed', async (status) => {
  server = await startHttp((request, response) => {
    if (request.url?.startsWith('/elsewhere')) beginStream(response, frame(1))
    else response.writeHead(status, { Location: '/elsewhere' }).end()
  })
  follow()
  await until(() => got.length)
})

test('nobody listens: the error says so, and it is tried again', async () => {
  server = await startHttp(() => {})
  const { url } = server
  await server.close()
  const own = follow({ url })
  await until(() => own.connection.attempt >= 3)
  expect(own.connection).toMatchObject({ status: 'connecting', error: { code: 'network' } })
})

test('11: the end aborts the request, before and after the answer', async () => {
  server = await startHttp((_, response, n) => {
    if (n === 0) beginStream(response)
  })
  const { open } = server
  const first = follow()
  await until(() => first.isConnected())
  first.close()
  await until(() => open() === 0)
  const second = follow()
  await until(() => open() === 1)
  second.close()
  await until(() => open() === 0)
})

test('an event of 10 MiB comes through', async () => {
  const length = 10 * 1024 * 1024
  server = await startHttp((_, response) => {
    beginStream(response, frame('x'.repeat(length)))
  })
  follow()
  await until(() => got.length)
  expect(String(got[0]?.data)).toHaveLength(length)
})

test('an event over the limit is told as a gap, and what follows comes', async () => {
  server = await startHttp((_, response) => {
    beginStream(response, frame('x'.repeat(5_000), 'p1') + frame('next', 'p2'))
  })
  const reasons: string[] = []
  const own = follow({
    maxEventBytes: 1_000,
    onError: () => {},
    onGap: ({ reason }) => reasons.push(reason),
  })
  await until(() => got.length)
  expect(reasons).toEqual(['overflow'])
  expect(got.map(({ data }) => data)).toEqual(['next'])
  expect(own.stats().lastEventId).toBe('p2')
})
