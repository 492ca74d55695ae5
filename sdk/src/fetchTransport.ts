/** Opens a stream with `fetch`, which can send headers and sees the status of the answer. */
import type { ErrorCode, Transport } from './api.js'
import { makeError } from './makeError.js'
import { createParser } from './parser.js'

/** Longest wait that `Retry-After` may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000

/** What other answers than a stream mean; the rest is `http`. */
const CODES: Readonly<Record<number, ErrorCode>> = {
  200: 'content_type',
  204: 'server_stop',
  401: 'unauthorized',
  403: 'forbidden',
}

/** The default transport. It never retries. */
export const fetchTransport: Transport = async (request, sink) => {
  const { signal, lastEventId, headers, options } = request
  const { fetch: ask = fetch, credentials, maxEventBytes = 16_777_216 } = options
  const {
    status,
    body,
    headers: told,
  } = await ask(request.url, {
    signal,
    cache: 'no-store',
    headers: {
      Accept: 'text/event-stream',
      ...(lastEventId && { 'Last-Event-ID': lastEventId }),
      ...headers,
    },
    ...(credentials && { credentials }),
  })
  const type = told.get('content-type') ?? 'nothing'
  if (status !== 200 || !body || !/^text\/event-stream\b/i.test(type)) {
    const wait = Math.min(Number(told.get('retry-after')) * 1000 || 0, RETRY_AFTER_MAX_MS)
    const code = CODES[status] ?? 'http'
    sink.close(makeError(code, `the server answered ${status} with ${type}`, { status }), wait)
    return
  }
  sink.open()
  const parser = createParser(sink, lastEventId ?? '', maxEventBytes)
  const decoder = new TextDecoder()
  const reader = body.getReader()
  // Deno 2.9 does not end a body whose request is aborted.
  signal.addEventListener('abort', () => reader.cancel().catch(() => {}))
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error('the stream ended')
    sink.activity()
    parser.feed(decoder.decode(value, { stream: true }))
  }
}
