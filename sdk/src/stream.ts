/** Follows a set of channels on one connection: asks for them, decodes, resumes, and tells gaps. */
import type {
  ClientOptions,
  ConnectionSnapshot,
  ConnectionStats,
  Gap,
  SseMessage,
  TidingsError,
  TidingsEvent,
  TransportRequest,
} from './api.js'
import { matcher } from './channels.js'
import { createConnection } from './connection.js'
import { decodeEnvelope } from './decodeEnvelope.js'
import { errorFrom, makeError } from './makeError.js'

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
  /** Counts an event that does not fit the schema of its reader. */
  countInvalid(): void
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
  const {
    getToken,
    lastEventId: store,
    dedupe = 512,
    lingerMs = 1_000,
    channels: fixed,
    decode = decodeEnvelope,
    patch,
  } = options
  const url = new URL(options.url, globalThis.location?.href)
  let wanted: readonly string[] = []
  let applied: readonly string[] = []
  /** Covers what the server has sent all state values of; what comes without an id elsewhere is such a value. */
  let settled: ((channel: string) => boolean)[] = []
  let position = store?.load() ?? null
  let hadStream = false
  let mustRecover = false
  let isScheduled = false
  let isChanging = false
  let asked: StreamRequest
  let lingerTimer: ReturnType<typeof setTimeout> | undefined
  const seen = new Set<string>()
  const stats = {
    lastEventAt: null as number | null,
    received: 0,
    duplicates: 0,
    invalid: 0,
    dropped: 0,
    gaps: 0,
    opens: 0,
  }

  const connection = createConnection(options, {
    request,
    opened() {
      stats.opens++
      mustRecover = hadStream
      hadStream = true
      settled = []
      schedule()
    },
    message,
    position: move,
    overflow() {
      sink.error(makeError('overflow', 'an event exceeds maxEventBytes'))
      gap({ reason: 'overflow' })
    },
    changed: sink.changed,
  })

  /** Frames about the stream itself, by name. */
  const controls = new Map(
    Object.entries<(told: Told) => void>({
      connection_established: greet,
      ready({ channels = null }) {
        settleRecovery()
        settled = (channels ?? ['**']).map(matcher)
        connection.tell({ ready: true })
        sink.live(fixed ? null : channels)
      },
      reset: gap,
      dropped({ dropped = 0 }) {
        stats.dropped += dropped
        sink.dropped(dropped)
      },
      connection_close({ reason }) {
        const code = reason === 'token_expired' && getToken ? 'unauthorized' : 'server_close'
        const error = makeError(code, `the server ended the stream: ${reason}`)
        if (reason === 'max_lifetime') connection.replace()
        else connection.lose(error, /^(kicked|revoked)$/.test(reason) ? KICKED_MS : 0)
      },
      rejected({ status, message: why }) {
        connection.lose(makeError(status === 401 ? 'unauthorized' : 'forbidden', why, { status }))
      },
    }),
  )

  function request(token: string | null): StreamRequest {
    const own = options.headers
    applied = fixed ?? wanted
    if (applied.length) url.searchParams.set('channels', applied.join())
    asked = {
      url: url.href,
      headers: {
        ...(token && { Authorization: `Bearer ${token}` }),
        ...(typeof own === 'function' ? own() : own),
      },
      token,
      lastEventId: position,
      options,
    }
    return asked
  }

  function move(id: string | null): void {
    if (id === null) return
    position = id || null
    if (id) store?.save(id)
  }

  function gap(told: Pick<Gap, 'reason'>): void {
    mustRecover = false
    seen.clear()
    stats.gaps++
    sink.gap({ channels: null, from: position, to: null, ...told })
  }

  /** Tells a gap when the stream goes on without the server having said that nothing was missed. */
  function settleRecovery(): void {
    if (mustRecover) gap({ reason: 'unrecovered' })
  }

  function message(told: SseMessage): void {
    try {
      const control = controls.get(told.event)
      const event = control ? null : decode(told)
      if (control) control(JSON.parse(told.data || '{}'))
      else if (event?.channel === 'connected' && !told.id) greet((event.data ?? {}) as Told)
      else if (event) take(event)
    } catch (cause) {
      stats.invalid++
      sink.error(errorFrom('invalid_payload', cause))
    } finally {
      // Also past what could not be read, which would otherwise come again with every reconnect.
      move(told.id)
    }
  }

  function take(event: TidingsEvent): void {
    const { id, channel } = event
    settleRecovery()
    if (id) {
      if (seen.has(id)) {
        stats.duplicates++
        return
      }
      seen.add(id)
      // The oldest comes first in a set.
      const [oldest = id] = seen
      if (seen.size > dedupe) seen.delete(oldest)
    }
    if (channel !== 'system/heartbeat') {
      stats.received++
      stats.lastEventAt = Date.now()
    }
    sink.event(event, !id && !settled.some((covers) => covers(channel)))
  }

  function greet(told: Told): void {
    const { client_id = null, recovered, heartbeat_seconds = 0, version = null } = told
    if (recovered) mustRecover = false
    // With false a reset follows, which names the channels.
    else if (recovered === undefined) settleRecovery()
    connection.tell({
      connectionId: client_id,
      recovered: recovered ?? null,
      serverVersion: version,
      heartbeatMs: heartbeat_seconds * 1000 || null,
    })
    schedule()
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
    if (!wanted.length) {
      lingerTimer = setTimeout(forget, lingerMs)
      return
    }
    connection.start()
    if (fixed) return
    const remove = applied.filter((name) => !wanted.includes(name))
    const add = wanted.filter((name) => !applied.includes(name))
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

  async function change(add: string[], remove: string[]): Promise<void> {
    const { connectionId, status } = connection.snapshot()
    if (status !== 'open' || isChanging) return
    if (!patch) return connection.replace()
    // Without an id the greeting is still to come, and it looks again.
    if (!connectionId) return
    const target = wanted
    isChanging = true
    try {
      await patch({ ...asked, connectionId, add, remove })
      // When the stream was lost meanwhile, this is put right by the look at the channels that follows.
      applied = target
    } catch {
      connection.replace()
    }
    isChanging = false
    schedule()
  }

  return {
    snapshot: connection.snapshot,
    stats: () => ({
      ...stats,
      lastEventId: position,
      lastActivityAt: connection.activityAt(),
    }),
    want(names) {
      wanted = [...new Set(names)]
      schedule()
    },
    reconnect: connection.reconnect,
    disconnect: () => connection.pause('manual'),
    countInvalid() {
      stats.invalid++
    },
    close() {
      isScheduled = false
      clearTimeout(lingerTimer)
      connection.close()
    },
  }
}

type StreamRequest = Omit<TransportRequest, 'signal'>

/** What the frames say. The members are the server's contract; with other servers each may be missing. */
interface Told {
  readonly client_id?: string
  readonly recovered?: boolean
  readonly heartbeat_seconds?: number
  readonly version?: string
  readonly channels?: readonly string[] | null
  readonly dropped?: number
  readonly reason: string
  readonly status: number
  readonly message: string
}
