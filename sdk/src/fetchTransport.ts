/** Opens a stream with `fetch`, which can send headers and sees the status of the answer. */
import type { Transport, TransportRequest, TransportSink } from './api.js'
import { makeError } from './makeError.js'
import { createParser } from './parser.js'

/** Longest wait that `Retry-After` may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000

/** The default transport. It never retries. */
export const fetchTransport: Transport = (request, sink) => {
  open(request, sink).catch((cause: unknown) => {
    if (!request.signal.aborted) sink.close(makeError('network', `${cause}`, { cause }))
  })
}

async function open(request: TransportRequest, sink: TransportSink): Promise<void> {
  const { signal, lastEventId, credentials, headers, maxEventBytes } = request
  const {
    status,
    body,
    headers: told,
  } = await (request.fetch ?? fetch)(request.url, {
    signal,
    cache: 'no-store',
    headers: {
      Accept: 'text/event-stream',
      ...(lastEventId && { 'Last-Event-ID': lastEventId }),
      ...headers,
    },
    ...(credentials && { credentials }),
  })
  const type = told.get('content-type')
  if (status !== 200 || !body || !/^text\/event-stream\b/i.test(type ?? '')) {
    body?.cancel().catch(() => {})
    const wait = Math.min(Number(told.get('retry-after')) * 1000 || 0, RETRY_AFTER_MAX_MS)
    sink.close(refusal(status, type), wait)
    return
  }
  sink.open()
  const parser = createParser(sink, lastEventId ?? '', maxEventBytes)
  // The parser takes the byte order mark out; a decoder that did so too would lose a second one.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
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

function refusal(status: number, type: string | null) {
  if (status === 200) return makeError('content_type', `not an event stream but ${type}`)
  const codes = { 204: 'server_stop', 401: 'unauthorized', 403: 'forbidden' } as const
  const code = codes[status as keyof typeof codes] ?? 'http'
  return makeError(code, `the server answered ${status}`, { status })
}
