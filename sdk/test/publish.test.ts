/** The publisher: what it sends, what it repeats, and what it gives up on. */
import { afterEach, expect, test } from 'vitest'
import { createPublisher } from '../src/publish.js'
import { type HttpServer, startHttp } from './support/http.js'
import { binary, startServer } from './support/tidings.js'

let server: HttpServer | undefined
afterEach(() => server?.close())

/** Starts a server with these answers, and a publisher for it. */
async function answering(...answers: [number, object, Record<string, string>?][]) {
  const bodies: unknown[] = []
  server = await startHttp((request, response, n) => {
    let body = ''
    request.on('data', (chunk) => {
      body += chunk
    })
    request.on('end', () => {
      bodies.push(JSON.parse(body))
      const [status, json, headers] = answers[Math.min(n, answers.length - 1)] ?? [500, {}]
      response.writeHead(status, headers).end(JSON.stringify(json))
    })
  })
  return { bodies, requests: server.requests, publisher: createPublisher({ url: server.url }) }
}

test('sends the event in the form of the endpoint', async () => {
  const { bodies, publisher } = await answering([201, { positions: ['p1'], matched: 3 }])
  const outcome = await publisher.publish(
    'orders/42',
    { amount: 5 },
    {
      type: 'paid',
      ttlSeconds: 60,
      id: 'payment-7',
      audience: { connection: 'c1' },
    },
  )
  expect(outcome).toEqual({ id: 'p1', matched: 3 })
  expect(bodies).toEqual([
    [
      {
        channel: 'orders/42',
        data: { amount: 5 },
        type: 'paid',
        ttl_seconds: 60,
        id: 'payment-7',
        audience: { connection: 'c1' },
      },
    ],
  ])
})

test('a failure that passes is repeated with the same key', async () => {
  const { requests, publisher } = await answering(
    [503, { detail: 'log busy' }, { 'Retry-After': '0' }],
    [201, { positions: ['p1'], matched: 0 }],
  )
  await publisher.publish('a', 1)
  const keys = requests.map(({ headers }) => headers['idempotency-key'])
  expect(keys).toHaveLength(2)
  expect(keys[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys[1]).toBe(keys[0])
})

test.each([
  [400, 'http'],
  [401, 'unauthorized'],
  [403, 'forbidden'],
  [413, 'http'],
])('%i is final and says why', async (status, code) => {
  const { requests, publisher } = await answering([status, { detail: 'channel name is empty' }])
  await expect(publisher.publish('', 1)).rejects.toMatchObject({
    code,
    status,
    message: `publish: ${status} channel name is empty`,
  })
  expect(requests).toHaveLength(1)
})

test('the tries have an end, and a signal ends them earlier', async () => {
  const { requests } = await answering([503, {}])
  const two = createPublisher({ url: server?.url ?? '', tries: 2 })
  await expect(two.publish('a', 1)).rejects.toMatchObject({ status: 503 })
  expect(requests).toHaveLength(2)
  const controller = new AbortController()
  const endless = createPublisher({ url: server?.url ?? '', tries: 1_000 })
  const publishing = endless.publish('a', 1, { signal: controller.signal })
  controller.abort(new Error('left'))
  await expect(publishing).rejects.toThrow('left')
})

test('nobody listens', async () => {
  const { publisher } = await answering([201, {}])
  await server?.close()
  const own = createPublisher({ url: server?.url ?? '', tries: 1 })
  await expect(own.publish('a', 1)).rejects.toMatchObject({ code: 'network' })
  expect(publisher).toBeDefined()
})

test.skipIf(!binary)('against the real server: accepted, refused, repeated once', async () => {
  const tidings = await startServer()
  const publisher = createPublisher({ url: `${tidings.url}/api/sse/events` })
  const first = await publisher.publish('orders', 'paid', { id: 'payment-7' })
  const again = await publisher.publish('orders', 'paid', { id: 'payment-7' })
  expect(again.id).toBe(first.id)
  const { positions } = await publisher.publishAll([
    { channel: 'orders', data: 1 },
    { channel: 'orders', data: 2 },
  ])
  expect(new Set([first.id, ...positions]).size).toBe(3)
  await expect(publisher.publish('a//b', 1)).rejects.toMatchObject({ status: 400 })
  await tidings.close()
})
