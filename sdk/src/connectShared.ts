/** The tab's side of sharing: a client whose stream is held by a shared worker. */
import type {
  ChannelMap,
  ClientOptions,
  ConnectionSnapshot,
  ConnectionStats,
  TidingsClient,
} from './api.js'
import { clientOf } from './client.js'
import {
  type FromTab,
  type FromWorker,
  fromPlain,
  fromPlainError,
  PROTOCOL,
} from './sharedMessages.js'
import { createStream, type Stream, type StreamSink } from './stream.js'

/** A worker that has not answered by then is given up, and the tab holds a stream of its own. */
const START_MS = 2_000
const PING_MS = 20_000
/** Pings without an answer after which the worker counts as dead. */
const PINGS_LOST_MAX = 2
/** A hidden tab with a stream of its own gives it back, since a browser opens only six to a host. */
const HIDDEN_MS = 60_000

/** Settings of a tab; the stream's own count when there is no shared worker, and in the worker otherwise. */
export interface SharedOptions<Channels extends ChannelMap = object>
  extends ClientOptions<Channels> {
  /** Called when the tab holds its own stream after all, with the reason. */
  onFallback?: (reason: string) => void
}

/** A client whose stream is shared by all tabs. */
export interface SharedClient<Channels extends ChannelMap = object>
  extends TidingsClient<Channels> {
  /** Ends the stream for all tabs, for instance when the user signs out; `reconnect()` of any brings it back. */
  disconnectAll(): void
}

interface SharedStream extends Stream {
  disconnectAll(): void
}

/**
 * Connects to a shared worker that calls `serveShared`.
 *
 * `makeWorker` is `() => new SharedWorker(new URL('./stream-worker.js', import.meta.url), { type: 'module', name })`,
 * with the version of the interface in the name, so that old and new builds do not meet. Where there is no
 * `SharedWorker`, or it does not start within 2 s, or dies, the tab opens a stream by `options`.
 */
export function connectShared<Channels extends ChannelMap = object>(
  makeWorker: () => SharedWorker,
  options: SharedOptions<Channels>,
): SharedClient<Channels> {
  let stream: SharedStream | undefined
  const client = clientOf(options, (sink) => {
    stream = sharedStream(makeWorker, options as SharedOptions, sink)
    return stream
  })
  // Defined onto the client itself, since copying it would freeze its getters.
  return Object.assign(client, { disconnectAll: () => stream?.disconnectAll() })
}

function sharedStream(
  makeWorker: () => SharedWorker,
  options: SharedOptions,
  sink: StreamSink,
): SharedStream {
  const { getToken } = options
  let own: Stream | null = null
  let port: MessagePort | null = null
  let names: readonly string[] = []
  let isPaused = false
  let isWelcome = false
  let nPingsLost = 0
  const controller = new AbortController()
  const counts = { received: 0, invalid: 0, dropped: 0, gaps: 0, opens: 0 }
  let seen: Pick<ConnectionStats, 'lastEventId' | 'lastEventAt' | 'lastActivityAt' | 'duplicates'> =
    {
      lastEventId: null,
      lastEventAt: null,
      lastActivityAt: null,
      duplicates: 0,
    }
  let snapshot: ConnectionSnapshot = {
    status: 'idle',
    since: Date.now(),
    downSince: null,
    everConnected: false,
    ready: false,
    stale: false,
    attempt: 0,
    nextRetryAt: null,
    connectionId: null,
    recovered: null,
    serverVersion: null,
    heartbeatMs: null,
    error: null,
    reason: null,
  }

  const startTimer = setTimeout(() => fallBack('the shared worker did not start'), START_MS)
  const pinger = setInterval(ping, PING_MS)
  start()

  function start(): void {
    try {
      const worker = makeWorker()
      worker.addEventListener('error', () => fallBack('the shared worker failed'), {
        signal: controller.signal,
      })
      port = worker.port
      port.onmessage = ({ data }) => hear(data)
      const { signal } = controller
      globalThis.addEventListener?.('pagehide', () => say({ kind: 'bye' }), { signal })
      globalThis.addEventListener?.(
        'pageshow',
        // The page comes out of the cache, and the worker has forgotten it meanwhile.
        ({ persisted }: PageTransitionEvent) => persisted && rejoin(),
        { signal },
      )
      hello()
    } catch (cause) {
      // Told in a turn of its own, so that the client is whole by then.
      queueMicrotask(() => fallBack(`there is no shared worker: ${cause}`))
    }
  }

  function say(message: FromTab): void {
    port?.postMessage(message)
  }

  function hello(): void {
    say({ kind: 'hello', names: isPaused ? [] : names, hasToken: Boolean(getToken) })
  }

  function rejoin(): void {
    if (own) return
    hello()
    counts.gaps++
    sink.gap({ reason: 'unrecovered', channels: null, from: seen.lastEventId, to: null })
  }

  function ping(): void {
    if (!isWelcome) return
    if (nPingsLost >= PINGS_LOST_MAX) fallBack('the shared worker does not answer')
    nPingsLost++
    say({ kind: 'ping' })
  }

  function fallBack(reason: string): void {
    if (own || controller.signal.aborted) return
    clearTimeout(startTimer)
    clearInterval(pinger)
    say({ kind: 'bye' })
    port = null
    options.onFallback?.(reason)
    own = createStream({ hiddenMs: HIDDEN_MS, ...options }, { ...sink, changed: change })
    // Whoever had events from the worker misses those until the new stream is live.
    if (isWelcome) sink.gap({ reason: 'unrecovered', channels: null, from: null, to: null })
    if (!isPaused) own.want(names)
  }

  function change(now: ConnectionSnapshot): void {
    const before = snapshot
    snapshot = now
    if (now.status === 'open' && before.status !== 'open') counts.opens++
    sink.changed(now, before)
  }

  async function answerForToken(ask: number, reason: 'connect' | 'unauthorized'): Promise<void> {
    const token = await Promise.resolve()
      .then(() => getToken?.({ reason, signal: controller.signal }))
      .catch(() => null)
    say({ kind: 'token', ask, token: token ?? null })
  }

  function hear(message: FromWorker): void {
    if (own) return
    nPingsLost = 0
    seen = { ...seen, lastActivityAt: Date.now() }
    switch (message.kind) {
      case 'welcome':
        if (message.protocol !== PROTOCOL) {
          fallBack('the shared worker is of another build')
          return
        }
        clearTimeout(startTimer)
        isWelcome = true
        if (!isPaused) change(fromPlain(message.connection))
        break
      case 'changed':
        if (!isPaused) change(fromPlain(message.connection))
        break
      case 'events':
        for (const [event, isState] of message.events) {
          if (event.channel !== 'system/heartbeat') {
            counts.received++
            seen = { ...seen, lastEventAt: Date.now(), lastEventId: event.id ?? seen.lastEventId }
          }
          sink.event(event, isState)
        }
        break
      case 'gap':
        counts.gaps++
        sink.gap(message.gap)
        break
      case 'dropped':
        counts.dropped += message.n
        sink.dropped(message.n)
        break
      case 'live':
        sink.live(message.names)
        break
      case 'error':
        if (message.error.code === 'invalid_payload') counts.invalid++
        sink.error(fromPlainError(message.error))
        break
      case 'token':
        answerForToken(message.ask, message.reason)
        break
      case 'pong':
        seen = { ...seen, lastActivityAt: message.activityAt, duplicates: message.duplicates }
        break
      case 'gone':
        rejoin()
        break
      default:
        unreachable(message)
    }
  }

  return {
    snapshot: () => snapshot,
    stats: () => own?.stats() ?? { ...counts, ...seen },
    countInvalid() {
      if (own) own.countInvalid()
      else counts.invalid++
    },
    want(wanted) {
      names = [...wanted]
      if (isPaused) return
      if (own) own.want(names)
      else say({ kind: 'want', names })
    },
    reconnect() {
      isPaused = false
      if (own) {
        own.want(names)
        own.reconnect()
        return
      }
      say({ kind: 'want', names })
      say({ kind: 'reconnect' })
    },
    disconnect() {
      isPaused = true
      if (own) {
        own.disconnect()
        return
      }
      // The other tabs keep the stream.
      say({ kind: 'want', names: [] })
      change({ ...snapshot, status: 'idle', since: Date.now(), downSince: null, reason: 'manual' })
    },
    disconnectAll() {
      if (own) own.disconnect()
      else say({ kind: 'close' })
    },
    close() {
      clearTimeout(startTimer)
      clearInterval(pinger)
      say({ kind: 'bye' })
      controller.abort()
      own?.close()
      port = null
      change({ ...snapshot, status: 'closed', since: Date.now(), ready: false, reason: 'manual' })
    },
  }
}

function unreachable(message: never): void {
  console.warn('tidings: the shared worker said what this page does not know', message)
}
