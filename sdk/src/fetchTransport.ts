/** Opens a stream with `fetch`, which can send headers and sees the status of the answer. */
import type { Transport, TransportRequest, TransportSink } from './api.js'
import { makeError } from './makeError.js'
import { createParser } from './parser.js'

/** Longest wait that `Retry-After` may ask for. */
const RETRY_AFTER_MAX_MS = 3_600_000

/** Makes the default transport; `fetchWith` replaces the global `fetch`. */
export function fetchTransport(fetchWith?: typeof fetch): Transport {
  return (request, sink) => {
    // Looked up late, so that a page may wrap `fetch`; an abort after the end of the stream changes nothing.
    open(fetchWith ?? fetch, request, sink).catch((cause: unknown) => {
      if (!request.signal.aborted)
        sink.close(makeError('network', `network: ${text(cause)}`, { cause }))
    })
  }
}

async function open(
  fetchWith: typeof fetch,
  request: TransportRequest,
  sink: TransportSink,
): Promise<void> {
  const { url, signal, token, lastEventId, credentials } = request
  const answer = await fetchWith(url, {
    signal,
    headers: {
      Accept: 'text/event-stream',
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(lastEventId && { 'Last-Event-ID': lastEventId }),
      ...request.headers,
    },
    cache: 'no-store',
    ...(credentials && { credentials }),
  })
  const { status, headers, body } = answer
  if (signal.aborted) return
  if (status !== 200 || !body) {
    body?.cancel().catch(() => {})
    sink.close(refusal(status), retryAfter(headers.get('retry-after')))
    return
  }
  const type = headers.get('content-type') ?? ''
  if (!/^text\/event-stream *(;|$)/i.test(type)) {
    body.cancel().catch(() => {})
    sink.close(makeError('content_type', `the answer is ${type || 'of no type'}, not a stream`))
    return
  }
  sink.open()
  await read(body, request, sink)
  if (!signal.aborted) sink.close(makeError('network', 'the stream ended'))
}

async function read(
  body: ReadableStream<Uint8Array>,
  { lastEventId, maxEventBytes, signal }: TransportRequest,
  sink: TransportSink,
): Promise<void> {
  const parser = createParser(sink, lastEventId ?? '', maxEventBytes)
  // The parser takes the byte order mark out; a decoder that did so too would lose a second one.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done || signal.aborted) return
    sink.activity()
    parser.feed(decoder.decode(value, { stream: true }))
  }
}

function refusal(status: number) {
  if (status === 204)
    return makeError('server_stop', 'the server asked not to come back', { status })
  const code = status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : 'http'
  return makeError(code, `the server answered ${status}`, { status })
}

/** Reads `Retry-After`: seconds or a date. */
function retryAfter(value: string | null): number | undefined {
  if (!value) return undefined
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), RETRY_AFTER_MAX_MS)
}

function text(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
