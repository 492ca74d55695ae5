/** Keeps one stream alive: connects, watches it, backs off, pauses. Knows nothing of channels. */
import type {
  ClientOptions,
  ConnectionSnapshot,
  PauseReason,
  SseMessage,
  TidingsError,
  TransportRequest,
  TransportSink,
} from './api.js'
import { fetchTransport } from './fetchTransport.js'
import { makeError } from './makeError.js'

/** Why a request is built; after `unauthorized` the token has to be another one. */
export type Why = 'connect' | 'unauthorized'

/** The layer above, which knows what to ask for and what the messages mean. */
export interface ConnectionHost {
  request(why: Why, signal: AbortSignal): Promise<Omit<TransportRequest, 'signal'>>
  opened(): void
  message(message: SseMessage): void
  position(id: string): void
  overflow(): void
  changed(now: ConnectionSnapshot, before: ConnectionSnapshot): void
}

/** One stream that comes back. */
export interface Connection {
  snapshot(): ConnectionSnapshot
  activityAt(): number | null
  /** Wants a stream; does nothing while closed or disconnected by hand. */
  start(): void
  /** Wants none. */
  pause(reason: PauseReason): void
  /** Replaces a healthy stream without a word, unless that takes long. */
  replace(): void
  /** Tries now, whatever happened before. */
  reconnect(): void
  /** Takes the stream for lost. */
  lose(error: TidingsError, waitAtLeastMs?: number, why?: Why): void
  /** Takes over what the server said of itself. */
  tell(
    told: Partial<
      Pick<
        ConnectionSnapshot,
        'connectionId' | 'recovered' | 'serverVersion' | 'heartbeatMs' | 'ready'
      >
    >,
  ): void
  close(): void
}

/** A replaced stream may take so long before it counts as lost. */
const REPLACE_MS = 1_500
/** A timer so late means that the machine slept or the page was throttled. */
const SLEEP_MS = 5_000
/** After a sleep, time for bytes that wait in the socket. */
const WAKE_MS = 1_000
/** Longest wait once the network or the page is back. */
const WOKEN_MS = 250
/** Shortest base that `retry:` may set. */
const BASE_MIN_MS = 50
/** Highest step of the back-off for streams that open and die at once. */
const EARLY_DEATH_STEP = 2

const NO_STREAM = {
  ready: false,
  stale: false,
  connectionId: null,
  nextRetryAt: null,
} as const

/** Makes a connection; nothing happens before `start`. */
export function createConnection(options: ClientOptions, host: ConnectionHost): Connection {
  const { baseMs = 500, maxMs = 30_000, stableMs = 1_000, maxAttempts } = options.backoff ?? {}
  const transport = options.transport ?? fetchTransport
  const heartbeat = options.heartbeat !== false && {
    defaultMs: 20_000,
    staleFactor: 1.5,
    deadFactor: 2.5,
    ...options.heartbeat,
  }
  let snapshot: ConnectionSnapshot = {
    ...NO_STREAM,
    status: 'idle',
    since: Date.now(),
    downSince: null,
    everConnected: false,
    attempt: 0,
    recovered: null,
    serverVersion: null,
    heartbeatMs: null,
    error: null,
    reason: null,
  }
  let isWanted = false
  let stream: { readonly abort: AbortController; openedAt: number } | null = null
  let activityAt: number | null = null
  let base = baseMs
  let step = 0
  let hasRefreshed = false
  let earliestRetryAt = 0
  let listening: AbortController | null = null
  const timers: Partial<Record<'retry' | 'watch' | 'replace' | 'hidden', Timer>> = {}

  function set(patch: Partial<ConnectionSnapshot>): void {
    const before = snapshot
    const next = { ...before, ...patch }
    if (next.status !== before.status) next.since = Date.now()
    // Every key of the patch is one of the snapshot.
    const keys = Object.keys(patch) as (keyof ConnectionSnapshot)[]
    if (keys.every((key) => next[key] === before[key])) return
    snapshot = next
    host.changed(next, before)
  }

  function setDown(patch: Partial<ConnectionSnapshot>, since: number): void {
    set({
      ...NO_STREAM,
      status: snapshot.everConnected ? 'reconnecting' : 'connecting',
      downSince: snapshot.downSince ?? since,
      ...patch,
    })
  }

  function timer(name: keyof typeof timers, run: () => void, ms: number): void {
    clearTimeout(timers[name])
    timers[name] = setTimeout(run, ms)
  }

  function release(): void {
    for (const name of ['retry', 'watch', 'replace'] as const) clearTimeout(timers[name])
    const old = stream
    stream = null
    old?.abort.abort()
  }

  function connect(why: Why = 'connect', isReplacement = false): void {
    release()
    const current = { abort: new AbortController(), openedAt: 0 }
    stream = current
    const since = Date.now()
    const fall = (): void => setDown({ attempt: snapshot.attempt + 1, reason: null }, since)
    if (isReplacement && snapshot.status === 'open') {
      // What failed before the stream that is given up was open is of no matter any more.
      step = 0
      timer('replace', fall, REPLACE_MS)
      set(NO_STREAM)
    } else fall()
    // What the listeners of the change did may have replaced this attempt.
    if (stream !== current) return
    const limitMs = options.connectTimeoutMs ?? 10_000
    timer(
      'watch',
      () => lose(makeError('connect_timeout', `no answer within ${limitMs} ms`)),
      limitMs,
    )
    const { signal } = current.abort
    host
      .request(why, signal)
      .then((request) => {
        if (stream === current) transport({ ...request, signal }, sinkOf(current))
      })
      .catch((cause: unknown) => {
        if (stream === current)
          lose(makeError('network', `the request failed: ${cause}`, { cause }))
      })
  }

  function sinkOf(current: NonNullable<typeof stream>): TransportSink {
    const guard =
      <Args extends unknown[]>(run: (...args: Args) => void) =>
      (...args: Args): void => {
        if (stream === current) run(...args)
      }
    const isAlive = (): void => {
      activityAt = Date.now()
      if (snapshot.stale) set({ stale: false })
    }
    return {
      open: guard(() => {
        current.openedAt = activityAt = Date.now()
        clearTimeout(timers.replace)
        clearTimeout(timers.watch)
        host.opened()
        set({ status: 'open', downSince: null, everConnected: true, attempt: 0, error: null })
        watch()
      }),
      activity: guard(isAlive),
      message: guard((message) => {
        isAlive()
        host.message(message)
      }),
      position: guard(host.position),
      overflow: guard(host.overflow),
      retry: guard((ms) => {
        base = Math.min(Math.max(ms, BASE_MIN_MS), maxMs)
      }),
      close: guard(lose),
    }
  }

  function lose(error: TidingsError, waitAtLeastMs = 0, why?: Why): void {
    if (!stream) return
    const now = Date.now()
    const { openedAt } = stream
    release()
    if (openedAt && now - openedAt >= stableMs) {
      step = 0
      hasRefreshed = false
    } else if (openedAt) step = Math.min(step, EARLY_DEATH_STEP)
    if (why || (error.code === 'unauthorized' && options.getToken && !hasRefreshed)) {
      hasRefreshed = true
      connect('unauthorized', true)
      return
    }
    const reason = finalReason(error)
    const tries = snapshot.status === 'open' ? 0 : snapshot.attempt
    if (reason || (maxAttempts !== undefined && tries >= maxAttempts)) {
      halt('closed', reason ?? 'server', error)
      return
    }
    const isOffline = globalThis.navigator?.onLine === false
    const spread = Math.random() * Math.min(maxMs, base * 2 ** step++)
    earliestRetryAt = now + waitAtLeastMs
    const wait = Math.max(waitAtLeastMs, isOffline ? maxMs : spread)
    timer('retry', connect, wait)
    setDown({ nextRetryAt: now + wait, error, ...(isOffline && { status: 'offline' }) }, now)
  }

  function halt(
    status: 'idle' | 'closed',
    reason: PauseReason,
    error: TidingsError | null = null,
  ): void {
    release()
    const downSince = status === 'closed' ? (snapshot.downSince ?? Date.now()) : null
    set({ ...NO_STREAM, status, reason, error, downSince, attempt: 0 })
  }

  /** Looks after the stream once per half heartbeat, and when the next limit is reached; never per event. */
  function watch(lateMs = 0): void {
    if (!heartbeat || !stream?.openedAt) return
    const interval = snapshot.heartbeatMs ?? heartbeat.defaultMs
    const [staleMs, deadMs] = [interval * heartbeat.staleFactor, interval * heartbeat.deadFactor]
    const silence = Date.now() - (activityAt ?? 0)
    let wait = WAKE_MS
    if (lateMs <= SLEEP_MS) {
      if (silence >= deadMs) {
        lose(makeError('heartbeat_timeout', `nothing came for ${Math.round(silence / 1000)} s`))
        return
      }
      set({ stale: silence >= staleMs })
      wait = Math.min(interval / 2, (silence < staleMs ? staleMs : deadMs) - silence)
    }
    const dueAt = Date.now() + wait
    timer('watch', () => watch(Date.now() - dueAt), wait)
  }

  function wake(): void {
    if (snapshot.nextRetryAt === null) return
    const wait = Math.max(earliestRetryAt - Date.now(), Math.random() * WOKEN_MS)
    timer('retry', connect, wait)
    set({ nextRetryAt: Date.now() + wait })
  }

  function resume(): void {
    clearTimeout(timers.hidden)
    if (isWanted && snapshot.reason === 'hidden') connect()
    else wake()
  }

  function suspend(): void {
    if (isWanted && snapshot.status !== 'closed' && !snapshot.reason) halt('idle', 'hidden')
  }

  function onVisibility(): void {
    const { hiddenMs } = options
    if (!document.hidden) resume()
    else if (hiddenMs !== undefined && hiddenMs < Number.POSITIVE_INFINITY) {
      timer('hidden', suspend, hiddenMs)
    }
  }

  function listen(): void {
    listening = new AbortController()
    const { signal } = listening
    const page = globalThis.document
    // A program has neither; a worker has no document.
    globalThis.addEventListener?.('online', wake, { signal })
    globalThis.addEventListener?.('pagehide', suspend, { signal })
    globalThis.addEventListener?.('pageshow', resume, { signal })
    page?.addEventListener('visibilitychange', onVisibility, { signal })
    if (page) onVisibility()
  }

  function unlisten(): void {
    listening?.abort()
    listening = null
    clearTimeout(timers.hidden)
  }

  return {
    snapshot: () => snapshot,
    activityAt: () => activityAt,
    start() {
      if (isWanted) return
      isWanted = true
      listen()
      if (snapshot.status === 'idle' && snapshot.reason !== 'manual') connect()
    },
    pause(reason) {
      if (reason === 'unused') {
        isWanted = false
        unlisten()
        if (snapshot.status === 'closed' || snapshot.reason === 'manual') return
      }
      halt('idle', reason)
    },
    replace() {
      if (stream) connect('connect', true)
    },
    reconnect() {
      step = 0
      hasRefreshed = false
      if (isWanted) connect('connect', !snapshot.stale)
      else set({ status: 'idle', reason: null, error: null, downSince: null })
    },
    lose,
    tell(told) {
      if (told.connectionId) hasRefreshed = false
      set(told)
      if (told.heartbeatMs) watch()
    },
    close() {
      isWanted = false
      unlisten()
      halt('closed', 'manual')
    },
  }
}

type Timer = ReturnType<typeof setTimeout>

/** Tells whether the error ends the tries, and as what. */
function finalReason({ code, status = 0 }: TidingsError): PauseReason | null {
  if (code === 'unauthorized' || code === 'forbidden') return 'auth'
  if (code === 'server_stop') return 'server'
  const isRefusal = code === 'http' && status >= 400 && status < 500
  return isRefusal && ![408, 425, 429].includes(status) ? 'server' : null
}
