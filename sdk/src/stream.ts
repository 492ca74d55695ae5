/** Follows a set of channels on one connection: asks for them, decodes, resumes, and tells gaps. */
import type {
  ClientOptions,
  ConnectionSnapshot,
  ConnectionStats,
  Gap,
  SseMessage,
  TidingsError,
  TidingsEvent,
} from './api.js'
import { matcher } from './channels.js'
import { createConnection, type Why } from './connection.js'
import { decodeEnvelope } from './decodeEnvelope.js'
import { makeError } from './makeError.js'

/** Where a stream reports. */
export interface StreamSink {
  /** `isState`: the channel is of the class state, so its newest value stays worth telling. */
  event(event: TidingsEvent, isState: boolean): void
  gap(gap: Gap): void
  dropped(n: number): void
  /** The server follows these names from here on; null stands for all. */
  live(names: readonly string[] | null): void
  changed(now: ConnectionSnapshot, before: ConnectionSnapshot): void
  error(error: TidingsError): void
}

/** A resilient stream of a set of channels, in this page or in a shared worker. */
export interface Stream {
  snapshot(): ConnectionSnapshot
  stats(): ConnectionStats
  /** Follows these channels from now on; none gives the stream back after a while. */
  want(names: Iterable<string>): void
  reconnect(): void
  disconnect(): void
  close(): void
}

/** A kicked or revoked client that comes back earlier is sent away for good. */
const KICKED_MS = 60_000

/** Makes a stream; nothing happens before channels are wanted. */
export function createStream(options: ClientOptions, sink: StreamSink): Stream {
  const { getToken, lastEventId: store, dedupe = 512, lingerMs = 1_000, channels: fixed } = options
  const url = new URL(options.url, globalThis.location?.href)
  const decode = options.decode ?? decodeEnvelope
  let wanted = new Set<string>()
  let applied = new Set<string>()
  /** Names whose state values are still coming. */
  let settling: string[] = []
  let position = store?.load() ?? null
  let hadStream = false
  let mustRecover = false
  let isScheduled = false
  let isChanging = false
  let headers: Record<string, string> = {}
  let lingerTimer: ReturnType<typeof setTimeout> | undefined
  let lastEventAt: number | null = null
  const seen = new Set<string>()
  const counts = { received: 0, duplicates: 0, invalid: 0, dropped: 0, gaps: 0, opens: 0 }

  const connection = createConnection(options, {
    request,
    opened() {
      counts.opens++
      mustRecover = hadStream
      hadStream = true
      settling = ['**']
      schedule()
    },
    message,
    position: move,
    overflow() {
      sink.error(makeError('overflow', 'an event was larger than maxEventBytes'))
      gap('overflow')
    },
    changed: sink.changed,
  })

  async function request(reason: Why, signal: AbortSignal) {
    const token = (await getToken?.({ reason, signal })) ?? null
    // An attempt that has been replaced meanwhile must not touch what the new one asked for.
    signal.throwIfAborted()
    const own = options.headers
    headers = {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(typeof own === 'function' ? own() : own),
    }
    applied = new Set(fixed ?? wanted)
    if (applied.size) url.searchParams.set('channels', [...applied].join(','))
    return {
      url: url.href,
      headers,
      credentials: options.credentials,
      fetch: options.fetch,
      token,
      lastEventId: position,
      maxEventBytes: options.maxEventBytes ?? 16_777_216,
    }
  }

  function move(id: string | null): void {
    if (id === null) return
    position = id || null
    if (id) store?.save(id)
  }

  function gap(reason: string, told?: Partial<Gap>): void {
    mustRecover = false
    seen.clear()
    counts.gaps++
    sink.gap({ channels: null, from: position, to: null, ...told, reason })
  }

  /** Tells a gap when the stream goes on without the server having said that nothing was missed. */
  function settleRecovery(): void {
    if (mustRecover) gap('unrecovered')
  }

  function message(told: SseMessage): void {
    try {
      if (control(told)) return
      const event = decode(told)
      if (!event) return
      if (event.channel === 'connected' && told.id === null) greet(event.data)
      else take(event)
    } catch (cause) {
      counts.invalid++
      sink.error(makeError('invalid_payload', `unreadable event: ${cause}`, { cause }))
    } finally {
      // Also past what could not be read, which would otherwise come again with every reconnect.
      move(told.id)
    }
  }

  function take(event: TidingsEvent): void {
    const { id, channel } = event
    settleRecovery()
    if (id !== null) {
      if (seen.has(id)) {
        counts.duplicates++
        return
      }
      seen.add(id)
      // The oldest comes first in a set.
      const [oldest = id] = seen
      if (seen.size > dedupe) seen.delete(oldest)
    }
    if (channel !== 'system/heartbeat') {
      counts.received++
      lastEventAt = Date.now()
    }
    sink.event(event, id === null && settling.some((name) => matcher(name)(channel)))
  }

  /** Handles the frames that are about the stream itself; false for events. */
  function control({ event, data }: SseMessage): boolean {
    const read = () => JSON.parse(data || '{}')
    if (event === 'connection_established') greet(read())
    else if (event === 'ready') {
      settleRecovery()
      const names: string[] | null = read().channels ?? null
      settling = settling.filter((name) => name !== '**' && !names?.includes(name))
      connection.tell({ ready: true })
      sink.live(fixed ? null : names)
    } else if (event === 'reset') {
      const told = read()
      gap(told.reason, told)
    } else if (event === 'dropped') {
      const { dropped = 0 } = read()
      counts.dropped += dropped
      sink.dropped(dropped)
    } else if (event === 'connection_close') end(read().reason)
    else if (event === 'rejected') {
      const { status, message: why } = read()
      connection.lose(makeError(status === 401 ? 'unauthorized' : 'forbidden', why, { status }))
    } else return false
    return true
  }

  function greet(told: unknown): void {
    // The members are the server's contract; each may be missing with other servers.
    const { client_id, recovered, heartbeat_seconds, version } = (told ?? {}) as Greeting
    if (recovered) mustRecover = false
    // With false a reset follows, which names the channels.
    else if (recovered === undefined) settleRecovery()
    connection.tell({
      connectionId: client_id ?? null,
      recovered: recovered ?? null,
      serverVersion: version ?? null,
      heartbeatMs: heartbeat_seconds ? heartbeat_seconds * 1000 : null,
    })
    schedule()
  }

  function end(reason: string): void {
    const error = makeError('server_close', `the server ended the stream: ${reason}`)
    if (reason === 'max_lifetime') connection.replace()
    else if (reason === 'token_expired' && getToken) connection.lose(error, 0, 'unauthorized')
    else connection.lose(error, reason === 'kicked' || reason === 'revoked' ? KICKED_MS : 0)
  }

  /** Looks at the channels once in this turn, so that all subscriptions of it become one request. */
  function schedule(): void {
    if (!isScheduled) queueMicrotask(sync)
    isScheduled = true
  }

  function sync(): void {
    if (!isScheduled) return
    isScheduled = false
    clearTimeout(lingerTimer)
    if (!wanted.size) {
      lingerTimer = setTimeout(forget, lingerMs)
      return
    }
    connection.start()
    if (fixed || connection.snapshot().status !== 'open') return
    const remove = [...applied].filter((name) => !wanted.has(name))
    const add = [...wanted].filter((name) => !applied.has(name))
    if (add.length) change(add, remove)
    else if (remove.length) lingerTimer = setTimeout(() => change(add, remove), lingerMs)
  }

  /** Gives the stream back, and with it the claim to what happens meanwhile. */
  function forget(): void {
    position = null
    hadStream = false
    seen.clear()
    connection.pause('unused')
  }

  function change(add: string[], remove: string[]): void {
    const { connectionId, status } = connection.snapshot()
    const { patch, credentials } = options
    if (status !== 'open' || isChanging) return
    if (!patch) {
      connection.replace()
      return
    }
    // Without an id the greeting is still to come, and it looks again.
    if (!connectionId) return
    const target = new Set(wanted)
    isChanging = true
    settling.push(...add)
    // When the stream was lost meanwhile, what is set here is put right by the look at the channels that follows.
    patch({ url, connectionId, add, remove, headers, credentials, fetch: options.fetch })
      .then(() => {
        applied = target
      }, connection.replace)
      .then(() => {
        isChanging = false
        schedule()
      })
  }

  return {
    snapshot: connection.snapshot,
    stats: () => ({
      ...counts,
      lastEventId: position,
      lastEventAt,
      lastActivityAt: connection.activityAt(),
    }),
    want(names) {
      wanted = new Set(names)
      schedule()
    },
    reconnect: connection.reconnect,
    disconnect: () => connection.pause('manual'),
    close() {
      isScheduled = false
      clearTimeout(lingerTimer)
      connection.close()
    },
  }
}

interface Greeting {
  client_id?: string
  recovered?: boolean
  heartbeat_seconds?: number
  version?: string
}
