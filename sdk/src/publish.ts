/** Entry `tidings/publish`: hands events to the server, and repeats a call that failed without doubling it. */
import type { TidingsError } from './api.js'
import { makeError } from './makeError.js'

/** An event to publish. */
export interface NewEvent {
  channel: string
  data: unknown
  /** `generic_event` when missing. */
  type?: string
  /** Seconds after which nobody is shown the event any more. */
  ttlSeconds?: number
  /** Who may see it: everybody, or one stream by its connection id. */
  audience?: 'all' | { connection: string }
  /** The publisher's own id; a repeat of it is published once. */
  id?: string
}

/** Settings of a publisher. */
export interface PublisherOptions {
  /** `/api/sse/events` of the server. */
  url: string | URL
  headers?: Record<string, string> | (() => Record<string, string>)
  credentials?: RequestCredentials
  getToken?: () => string | null | Promise<string | null>
  fetch?: typeof fetch
  /** Tries in all when the network or the server fails. 5 */
  tries?: number
}

/** Outcome of a publish. */
export interface Published {
  /** Positions in the log, one per event; null on state and ephemeral channels. */
  readonly positions: readonly (string | null)[]
  /** Streams that follow the channels, summed over the events. */
  readonly matched: number
}

/** Publishes events. */
export interface Publisher {
  publish(
    channel: string,
    data: unknown,
    options?: Omit<NewEvent, 'channel' | 'data'> & { signal?: AbortSignal },
  ): Promise<{ readonly id: string | null; readonly matched: number }>
  /** All are accepted or none. */
  publishAll(events: readonly NewEvent[], options?: { signal?: AbortSignal }): Promise<Published>
}

const WAIT_MIN_MS = 250
const WAIT_MAX_MS = 5_000
/** Answers that may be another one the next time. */
const PASSING = [408, 425, 429, 500, 502, 503, 504, 507]

/** Makes a publisher. A call is repeated with the same key, so that the server takes it once. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { tries = 5 } = options

  async function post(body: string, key: string, signal?: AbortSignal): Promise<Published> {
    const own = options.headers
    const token = await options.getToken?.()
    const answer = await (options.fetch ?? fetch)(options.url, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(typeof own === 'function' ? own() : own),
      },
      body,
      ...(signal && { signal }),
      ...(options.credentials && { credentials: options.credentials }),
    })
    // The shapes are the contract of the endpoint.
    if (answer.status === 201) return (await answer.json()) as Published
    const problem = (await answer.json().catch(() => null)) as { detail?: string } | null
    const { status } = answer
    const code = status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : 'http'
    const why = problem?.detail ?? 'no reason given'
    throw Object.assign(makeError(code, `publish: ${status} ${why}`, { status }), {
      retryAfterMs: Number(answer.headers.get('retry-after')) * 1000 || 0,
    })
  }

  async function publishAll(
    events: readonly NewEvent[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Published> {
    const body = JSON.stringify(events.map(toWire))
    const key = randomKey()
    for (let n = 1; ; n++) {
      try {
        return await post(body, key, signal)
      } catch (cause) {
        signal?.throwIfAborted()
        // What `post` throws, or an error of `fetch`, which has neither.
        const { status, retryAfterMs = 0 } = cause as Partial<TidingsError> & {
          retryAfterMs?: number
        }
        if (n >= tries || (status !== undefined && !PASSING.includes(status))) {
          if (status !== undefined) throw cause
          throw makeError('network', `publish: ${cause}`, { cause })
        }
        const spread = Math.random() * Math.min(WAIT_MAX_MS, WAIT_MIN_MS * 2 ** n)
        await sleep(Math.max(retryAfterMs, spread), signal)
      }
    }
  }

  return {
    publishAll,
    async publish(channel, data, { signal, ...more } = {}) {
      const { positions, matched } = await publishAll(
        [{ ...more, channel, data }],
        signal && { signal },
      )
      return { id: positions[0] ?? null, matched }
    },
  }
}

function toWire({ ttlSeconds, ...event }: NewEvent): object {
  return ttlSeconds === undefined ? event : { ...event, ttl_seconds: ttlSeconds }
}

/** Makes a key; `randomUUID` does not exist on plain-http origins. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}
