/** The built package in Chromium: a page, a worker, a SharedWorker for many tabs, `EventSource`. */
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StreamProxy, startProxy } from './support/proxy.js'
import { EXPECTED } from './support/scenario.mjs'
import { binary, type Server, startServer } from './support/tidings.js'
import { until } from './support/until.js'

const browser = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
)
const isBuilt = existsSync(new URL('../dist/index.js', import.meta.url))
if (!browser) console.warn('skipped: tests in a browser need Chromium; CHROMIUM may name it')
if (!isBuilt) console.warn('skipped: tests in a browser need the build; run `npm run build`')

/** An origin that is not a secure context: no Web Locks, no service worker, no `randomUUID`. */
const HOST = 'router.test'

const html = { type: 'text/html', text: '<!doctype html><title>test</title>' }
const PAGES = {
  '/': html,
  '/worker.js': {
    type: 'text/javascript',
    text: `
      import { createClient } from '/dist/index.js'
      import { runScenario } from '/test/support/scenario.mjs'
      const answer = (port) => runScenario(createClient, location.origin).then(
        (seen) => port.postMessage(seen), (cause) => port.postMessage(String(cause)))
      if (typeof onconnect === 'undefined') answer(self)
      else self.onconnect = ({ ports }) => answer(ports[0])`,
  },
  '/stream-worker.js': {
    type: 'text/javascript',
    text: `
      import { serveShared } from '/dist/shared-worker.js'
      serveShared(self, { url: '/api/sse/stream', lingerMs: 100 })`,
  },
}

describe.skipIf(!binary || !browser || !isBuilt)('in Chromium', () => {
  let server: Server
  let proxy: StreamProxy
  let context: BrowserContext
  let folder: string
  let origin: string

  beforeAll(async () => {
    server = await startServer()
    proxy = await startProxy(server.url, PAGES)
    origin = `http://${HOST}:${proxy.port}`
    folder = await mkdtemp(join(tmpdir(), 'tidings-sdk-chromium-'))
    context = await chromium.launchPersistentContext(folder, {
      ...(browser && { executablePath: browser }),
      // Playwright switches the cache of left pages off, which is what one test is about.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
      ],
    })
  }, 60_000)
  afterAll(async () => {
    await context?.close()
    await proxy?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  async function open(): Promise<Page> {
    const page = await context.newPage()
    page.on('pageerror', (cause) => console.error('page:', cause))
    await page.goto(origin)
    return page
  }

  // Texts, since what runs in the page is not compiled for it.
  const inPage = (page: Page, body: string): Promise<unknown> =>
    page.evaluate(`(async () => { ${body} })()`)

  test('the origin is no secure context', async () => {
    const page = await open()
    expect(await page.evaluate('isSecureContext')).toBe(false)
    await page.close()
  })

  test.each([
    ['fetch', '{}'],
    ['PATCH', '{ patch: patchChannels }'],
    ['EventSource', '{ transport: eventSourceTransport() }'],
  ])(
    'a page connects, loses the stream and resumes, by %s',
    async (_, options) => {
      const page = await open()
      const seen = await inPage(
        page,
        `
      const { createClient, patchChannels } = await import('/dist/index.js')
      const { eventSourceTransport } = await import('/dist/eventsource.js')
      const { runScenario } = await import('/test/support/scenario.mjs')
      return runScenario(createClient, location.origin, ${options})`,
      )
      expect(seen).toEqual(EXPECTED)
      await page.close()
      await until(() => proxy.streams() === 0)
    },
    30_000,
  )

  test.each([
    ['a worker', 'const port = new Worker("/worker.js", { type: "module" })'],
    ['a SharedWorker', 'const { port } = new SharedWorker("/worker.js", { type: "module" })'],
  ])(
    '%s connects, loses the stream and resumes',
    async (_, make) => {
      const page = await open()
      const seen = await inPage(
        page,
        `
      ${make}
      return new Promise((resolve) => { port.onmessage = ({ data }) => resolve(data) })`,
      )
      expect(seen).toEqual(EXPECTED)
      await page.close()
      await until(() => proxy.streams() === 0)
    },
    30_000,
  )

  test('a named stream by EventSource', async () => {
    const page = await open()
    const seen = await inPage(
      page,
      `
      const { createClient } = await import('/dist/index.js')
      const { namedDecoder } = await import('/dist/decoders.js')
      const { eventSourceTransport } = await import('/dist/eventsource.js')
      const client = createClient({
        url: '/api/sse/stream?channels=news&format=named', channels: [],
        decode: namedDecoder('news'), transport: eventSourceTransport(['note']),
      })
      return new Promise((resolve) => {
        client.subscribe('news', (event) => { client.close(); resolve([event.type, event.data]) }, {
          onLive: () => fetch('/api/sse/events', { method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ channel: 'news', type: 'note', data: { n: 1 } }) }),
        })
      })`,
    )
    expect(seen).toEqual(['note', { n: 1 }])
    await page.close()
  }, 30_000)

  test('eight tabs share one connection, requests pass beside it, and the last tab closes it', async () => {
    const pages = await Promise.all(Array.from({ length: 8 }, open))
    for (const page of pages) {
      await inPage(
        page,
        `
        const { connectShared } = await import('/dist/shared-worker.js')
        window.got = []
        window.client = connectShared(
          () => new SharedWorker('/stream-worker.js', { type: 'module', name: 'tidings-test' }),
          { url: '/api/sse/stream', onFallback: (reason) => { window.fallback = reason } })
        window.client.subscribe('tabs/*', ({ data }) => window.got.push(data))
        await new Promise((resolve) => window.client.subscribe('tabs/live', () => {}, { onLive: resolve }))`,
      )
    }
    expect(proxy.streams()).toBe(1)
    await server.publish({ channel: 'tabs/x', data: 'hello' })
    for (const page of pages) {
      await until(() => page.evaluate('window.got.length === 1'))
      expect(await page.evaluate('window.fallback')).toBeUndefined()
      expect(await page.evaluate('window.client.connection.status')).toBe('open')
    }
    const status = await inPage(pages[7] as Page, 'return (await fetch("/api/sse/stats")).status')
    expect(status).toBe(200)
    await fetch(`${proxy.url}/cut`, { method: 'POST' })
    await server.publish({ channel: 'tabs/x', data: 'missed' })
    for (const page of pages) await until(() => page.evaluate('window.got.length === 2'))
    expect(proxy.streams()).toBe(1)
    await Promise.all(pages.map((page) => page.close()))
    await until(() => proxy.streams() === 0)
  }, 60_000)

  test('8: a page that goes into the cache gives its stream back and resumes when it returns', async () => {
    const page = await open()
    // The page tells what it saw by publishing it, since Playwright loses sight of pages that come out of the cache.
    await inPage(
      page,
      `
      const { createClient } = await import('/dist/index.js')
      const seen = { got: [], gaps: [], isCached: false }
      addEventListener('pageshow', ({ persisted }) => { seen.isCached = persisted })
      const client = createClient({ url: '/api/sse/stream', onGap: (gap) => seen.gaps.push(gap) })
      client.subscribe('cache', ({ data }) => {
        seen.got.push(data)
        if (seen.got.length === 2) fetch('/api/sse/events', { method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ channel: 'seen', data: seen }) })
      })
      await new Promise((resolve) => client.subscribe('cache', () => {}, { onLive: resolve }))`,
    )
    await server.publish({ channel: 'cache', data: 1 })
    await page.goto(`${origin}/dist/index.js`)
    await until(() => proxy.streams() === 0)
    await server.publish({ channel: 'cache', data: 2 })
    await page.evaluate('setTimeout(() => history.back(), 50)')
    const seen = await until(async () => {
      const answer = await fetch(`${server.url}/api/sse/channels/seen/events`)
      // The shape is the contract of the endpoint.
      return answer.ok && ((await answer.json()) as { events: { data: unknown }[] }).events[0]
    })
    expect(seen.data).toEqual({ got: [1, 2], gaps: [], isCached: true })
    await page.close()
  }, 30_000)
})
