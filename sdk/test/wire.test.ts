/** What the server writes, taken apart by parsers that are not ours: eventsource-parser and Chromium. */
import { existsSync } from 'node:fs'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binary, type Server, startServer } from './support/tidings.js'

const browser = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
  (path) => path && existsSync(path),
)
if (!browser) console.warn('skipped: the wire in a browser needs Chromium; CHROMIUM may name it')

/** Seed of the random texts; a failure prints the text. */
const SEED = 20_261_128
const N_RANDOM = 60
/** Pieces that framing could trip over. */
const PIECES = [
  '\r',
  '\n',
  '\r\n',
  '\u2028',
  '\u2029',
  '\u0085',
  '\ufeff',
  '\u{1f600}',
  'é',
  'data: x',
  'id: 9',
  'event: y',
  'retry: 1',
  ':',
  ' ',
  '\t',
  '"',
  '\\',
  'plain',
]

/** Hand-made and random texts, made of what framing could trip over. */
function shortTexts(): string[] {
  let state = SEED
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * n)
  }
  const random = Array.from({ length: N_RANDOM }, () =>
    Array.from({ length: 1 + below(12) }, () => PIECES[below(PIECES.length)]).join(''),
  )
  return ['', ...PIECES, 'two\nlines\n', '\n\n\n', 'cr\rlf\ncrlf\r\nend', ...random]
}

/** Texts of up to a megabyte; characters of four bytes meet every boundary of a write in some of them. */
function largeTexts(): string[] {
  const long = [0, 1, 2, 3].map((n) => 'x'.repeat(n) + '\u{1f600}'.repeat(60_000))
  return [...long, 'y'.repeat(1_000_000), 'line\r\n'.repeat(100_000)]
}

/** A text as it is kept: every end of line is LF, as the lines of a stream are. */
const withLineFeeds = (text: string): string => text.replace(/\r\n?/g, '\n')

/** Text goes to one channel, and to another inside JSON, where nothing may change at all. */
const eventsOf = (text: string): object[] => [
  { channel: 'wire/text', type: 'made', data: text },
  { channel: 'wire/json', type: 'made', data: { text: `${text}\u0000` } },
]

describe.skipIf(!binary)('the wire', () => {
  let server: Server
  const published = [...shortTexts(), ...largeTexts()]

  beforeAll(async () => {
    server = await startServer()
    await server.publish(...shortTexts().flatMap(eventsOf))
    // A megabyte is as much as one request may hold.
    for (const event of largeTexts().flatMap(eventsOf)) await server.publish(event)
  }, 120_000)
  afterAll(async () => server?.close())

  const target = (channel: string, format: string): string =>
    `/api/sse/stream?channels=${channel}&format=${format}&last_event_id=earliest`

  /** Reads a stream up to `ready` with eventsource-parser, in pieces of an odd size. */
  async function read(channel: string, format: string): Promise<EventSourceMessage[]> {
    const events: EventSourceMessage[] = []
    let isReady = false
    const parser = createParser({
      onEvent: (event) => {
        isReady ||= event.event === 'ready'
        if (event.id) events.push(event)
      },
      onError: (error) => {
        throw error
      },
    })
    const stop = new AbortController()
    const response = await fetch(server.url + target(channel, format), { signal: stop.signal })
    const decoder = new TextDecoder()
    for await (const piece of response.body ?? []) {
      for (let from = 0; from < piece.length; from += 1_021) {
        parser.feed(decoder.decode(piece.subarray(from, from + 1_021), { stream: true }))
      }
      if (isReady) break
    }
    stop.abort()
    return events
  }

  /** Compares what came with what was published. */
  function check(channel: string, format: string, data: readonly string[]): void {
    expect(data.length, `${channel}, ${format}`).toBe(published.length)
    for (const [index, text] of published.entries()) {
      const seen = data[index] ?? ''
      const value = format === 'envelope' ? JSON.parse(seen).data : seen
      const shown = channel === 'wire/json' ? toObject(value).text : value
      const sent = channel === 'wire/json' ? `${text}\u0000` : withLineFeeds(text)
      if (shown !== sent) {
        expect.fail(`${channel}, ${format}: ${head(sent)} became ${head(String(shown))}`)
      }
    }
  }

  const toObject = (value: unknown): { text?: unknown } =>
    typeof value === 'string' ? JSON.parse(value) : (value as { text?: unknown })
  const head = (text: string): string => `${JSON.stringify(text.slice(0, 80))} of ${text.length}`

  const cases = ['wire/text', 'wire/json'].flatMap((channel) =>
    ['named', 'envelope'].map((format) => [channel, format] as const),
  )

  test.each(cases)('eventsource-parser reads %s as %s', async (channel, format) => {
    const events = await read(channel, format)
    check(
      channel,
      format,
      events.map((event) => event.data),
    )
    const offsets = events.map((event) => Number(event.id?.split('-')[1]))
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
    expect(new Set(offsets).size).toBe(offsets.length)
  })

  test('a text with NUL is refused, since no stream can carry it', async () => {
    const response = await fetch(`${server.url}/api/sse/events`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ channel: 'wire/text', type: 'made', data: 'a\u0000b' }),
    })
    expect(response.status).toBe(400)
  })

  describe.skipIf(!browser)('in Chromium', () => {
    let chrome: Browser
    beforeAll(async () => {
      chrome = await chromium.launch({
        ...(browser && { executablePath: browser }),
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      })
    }, 60_000)
    afterAll(async () => chrome?.close())

    test.each(cases)('EventSource reads %s as %s', async (channel, format) => {
      const page = await chrome.newPage()
      // Any page of the server is of its origin.
      await page.goto(`${server.url}/livez`)
      const data = await page.evaluate(
        `new Promise((resolve, reject) => {
          const seen = []
          const source = new EventSource(${JSON.stringify(target(channel, format))})
          const take = (event) => event.lastEventId && seen.push(event.data)
          source.addEventListener('message', take)
          source.addEventListener('made', take)
          source.addEventListener('ready', () => { source.close(); resolve(seen) })
          source.addEventListener('error', () => reject(new Error('the stream broke')))
        })`,
      )
      check(channel, format, data as string[])
      await page.close()
    })
  })
})
