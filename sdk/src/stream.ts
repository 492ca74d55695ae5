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
import { asObject } from './asObject.js'
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
  changed(now: ConnectionSnapshot, before: ConnectionSnapshot): void
  error(error: TidingsError): void
  debug(message: string, detail?: unknown): void
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
  const { getToken, lastEventId: store, dedupe = 512, lingerMs = 1_000 } = options
  const url = new URL(options.url, globalThis.location?.href)
  const decode = options.decode ?? decodeEnvelope
  let canPatch =
    options.patch ?? (!options.decode && !options.channels && url.pathname.endsWith('/stream'))
  let wanted = new Set<string>()
  let applied = new Set<string>()
  /** Tests of channels whose state values are still coming. */
  let settling: ((channel: string) => boolean)[] = []
  let position = store?.load() ?? null
  let hadStream = false
  let mustRecover = false
  let isScheduled = false
  let isPatching = false
  let token: string | null = null
  let lingerTimer: ReturnType<typeof setTimeout> | undefined
  const seen = new Set<string>()
  const counts = { received: 0, duplicates: 0, invalid: 0, dropped: 0, gaps: 0, opens: 0 }
  let lastEventAt: number | null = null

  const connection = createConnection(options, {
    request,
    opened() {
      counts.opens++
      mustRecover = hadStream
      hadStream = true
      settling = [() => true]
      if (!canPatch) queueMicrotask(sync)
    },
    message,
    position: move,
    overflow() {
      sink.error(makeError('overflow', 'an event was larger than maxEventBytes'))
      gap({ reason: 'overflow', channels: null, from: position, to: null })
    },
    changed: sink.changed,
  })

  function headers(): Record<string, string> {
    const { headers: own } = options
    return { ...(typeof own === 'function' ? own() : own) }
  }

  async function request(why: Why, signal: AbortSignal) {
    const given = (await getToken?.({ reason: why, signal })) ?? null
    // An attempt that has been replaced meanwhile must not touch what the new one asked for.
    signal.throwIfAborted()
    token = given
    const asked = new URL(url)
    const { searchParams } = asked
    applied = new Set(options.channels ?? wanted)
    if (applied.size) searchParams.set('channels', [...applied].join(','))
    const { seconds } = options.heartbeat || {}
    if (seconds) searchParams.set('heartbeat', `${seconds}`)
    const { start = 'live' } = options
    if (!position && !hadStream && start !== 'live') {
      if (start === 'earliest') searchParams.set(start, '1')
      else for (const [name, value] of Object.entries(start)) searchParams.set(name, `${value}`)
    }
    return {
      url: asked.href,
      headers: headers(),
      credentials: options.credentials,
      token,
      lastEventId: position,
      maxEventBytes: options.maxEventBytes ?? 16_777_216,
    }
  }

  function move(id: string): void {
    position = id || null
    if (id) store?.save(id)
  }

  function gap(told: Gap): void {
    mustRecover = false
    seen.clear()
    counts.gaps++
    sink.gap(told)
  }

  /** Tells a gap when the stream goes on without the server having said that nothing was missed. */
  function settleRecovery(): void {
    if (mustRecover) gap({ reason: 'unrecovered', channels: null, from: position, to: null })
  }

  function message(told: SseMessage): void {
    try {
      if (control(told)) return
      const event = decode(told)
      if (!event) return
      if (event.channel === 'connected' && told.id === null) greet(event.data)
      else take(told, event)
    } catch (cause) {
      counts.invalid++
      sink.error(makeError('invalid_payload', `unreadable event: ${cause}`, { cause }))
    }
  }

  function take(told: SseMessage, event: TidingsEvent): void {
    settleRecovery()
    if (event.id !== null) {
      if (seen.has(event.id)) {
        counts.duplicates++
        return
      }
      seen.add(event.id)
      // The oldest comes first in a set.
      for (const oldest of seen) {
        if (seen.size <= dedupe) break
        seen.delete(oldest)
      }
    }
    if (told.id !== null) move(told.id)
    if (event.channel !== 'system/heartbeat') {
      counts.received++
      lastEventAt = Date.now()
    }
    const isState = event.id === null && settling.some((covers) => covers(event.channel))
    sink.event(event, isState)
  }

  /** Handles the frames that are about the stream itself; false for events. */
  function control({ event, data, id }: SseMessage): boolean {
    const read = () => asObject(JSON.parse(data)) ?? {}
    switch (event) {
      case 'connection_established':
        greet(read())
        return true
      case 'ready':
        settleRecovery()
        settling = []
        connection.tell({ ready: true })
        return true
      case 'reset': {
        const told = read()
        // The members are the server's contract.
        gap(told as unknown as Gap)
        if (id !== null) move(id)
        return true
      }
      case 'dropped': {
        const n = Number(read().dropped) || 0
        counts.dropped += n
        sink.dropped(n)
        return true
      }
      case 'connection_close':
        end(`${read().reason}`)
        return true
      case 'rejected': {
        const { status, message: why } = read()
        const code = status === 401 ? 'unauthorized' : 'forbidden'
        connection.lose(makeError(code, `${why}`, { status: Number(status) }))
        return true
      }
      default:
        return false
    }
  }

  function greet(told: unknown): void {
    const { client_id, recovered, heartbeat_seconds, version } = asObject(told) ?? {}
    const wasGiven = typeof recovered === 'boolean'
    if (recovered === true) mustRecover = false
    // With false a reset follows, which names the channels.
    else if (!wasGiven) settleRecovery()
    connection.tell({
      connectionId: client_id ? `${client_id}` : null,
      recovered: wasGiven ? recovered : null,
      serverVersion: version ? `${version}` : null,
      heartbeatMs: Number(heartbeat_seconds) * 1000 || null,
    })
    sync()
  }

  function end(reason: string): void {
    const error = makeError('server_close', `the server ended the stream: ${reason}`)
    if (reason === 'max_lifetime') connection.replace()
    else if (reason === 'token_expired' && getToken) connection.lose(error, 0, 'unauthorized')
    else connection.lose(error, reason === 'kicked' || reason === 'revoked' ? KICKED_MS : 0)
  }

  function sync(): void {
    isScheduled = false
    clearTimeout(lingerTimer)
    if (!wanted.size) {
      lingerTimer = setTimeout(forget, lingerMs)
      return
    }
    connection.start()
    if (options.channels || connection.snapshot().status !== 'open') return
    const { add, remove } = difference()
    if (add.length) change()
    else if (remove.length) lingerTimer = setTimeout(change, lingerMs)
  }

  /** Gives the stream back, and with it the claim to what happens meanwhile. */
  function forget(): void {
    position = null
    hadStream = false
    seen.clear()
    connection.pause('unused')
  }

  function difference() {
    return {
      add: [...wanted].filter((name) => !applied.has(name)),
      remove: [...applied].filter((name) => !wanted.has(name)),
    }
  }

  function change(): void {
    const { connectionId, status } = connection.snapshot()
    if (status !== 'open' || isPatching) return
    if (!canPatch) connection.replace()
    // Without an id the greeting is still to come, and it calls `sync`.
    else if (connectionId) patch(connectionId)
  }

  async function patch(connectionId: string): Promise<void> {
    const { add, remove } = difference()
    const target = new Set(wanted)
    const asked = new URL(url)
    asked.pathname = asked.pathname.replace(/stream$/, `connections/${connectionId}`)
    asked.search = ''
    settling.push(...add.map(matcher))
    isPatching = true
    let isDone = false
    try {
      const answer = await (options.fetch ?? fetch)(asked, {
        method: 'PATCH',
        headers: {
          'Content-Type': 'application/json',
          ...(token && { Authorization: `Bearer ${token}` }),
          ...headers(),
        },
        body: JSON.stringify({ add, remove }),
        signal: AbortSignal.timeout(options.connectTimeoutMs ?? 10_000),
        ...(options.credentials && { credentials: options.credentials }),
      })
      isDone = answer.ok
    } catch (cause) {
      sink.debug('channels could not be changed on the live stream', cause)
    }
    isPatching = false
    if (connection.snapshot().connectionId === connectionId) {
      if (isDone) applied = target
      else {
        canPatch = false
        connection.replace()
      }
    }
    sync()
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
      if (isScheduled) return
      isScheduled = true
      // All subscriptions of one turn become one request.
      queueMicrotask(() => {
        if (isScheduled) sync()
      })
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
