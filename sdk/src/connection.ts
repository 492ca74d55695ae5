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
import { errorFrom, makeError } from './makeError.js'

/** The layer above, which knows what to ask for and what the messages mean. */
export interface ConnectionHost {
  request(token: string | null): Omit<TransportRequest, 'signal'>
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
  lose(error: TidingsError, waitAtLeastMs?: number): void
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
  const {
    baseMs = 500,
    maxMs = 30_000,
    stableMs = 1_000,
    maxAttempts = Infinity,
  } = options.backoff ?? {}
  const { defaultMs = 20_000, staleFactor = 1.5, deadFactor = 2.5 } = options.heartbeat || {}
  const {
    transport = fetchTransport,
    connectTimeoutMs = 10_000,
    hiddenMs = Infinity,
    getToken,
  } = options
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
  /** Ends the stream and with it what it has to say; null while there is none. */
  let stream: AbortController | null = null
  let openedAt = 0
  let activityAt: number | null = null
  let base = baseMs
  let step = 0
  /** The server refused a token, so the next one has to be another. */
  let isRefused = false
  let earliestRetryAt = 0
  /** What a wanted stream listens for; undefined while none is wanted. */
  let listening: AbortController | undefined
  /** The next try while there is no stream; the look after it while there is one. */
  let timer: Timer
  let hiddenTimer: Timer

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

  function setDown(patch: Partial<ConnectionSnapshot>, since = Date.now()): void {
    set({
      ...NO_STREAM,
      status: snapshot.everConnected ? 'reconnecting' : 'connecting',
      downSince: snapshot.downSince ?? since,
      ...patch,
    })
  }

  function after(ms: number, run: () => void): void {
    clearTimeout(timer)
    timer = setTimeout(run, ms)
  }

  function release(): void {
    clearTimeout(timer)
    stream?.abort()
    stream = null
    openedAt = 0
  }

  function connect(): void {
    release()
    stream = new AbortController()
    const { signal } = stream
    const since = Date.now()
    const begin = (): void => {
      setDown({ attempt: snapshot.attempt + 1, reason: null }, since)
      // What the listeners of the change did may have replaced this attempt.
      if (signal.aborted) return
      after(connectTimeoutMs, () =>
        lose(makeError('connect_timeout', `nothing came for ${connectTimeoutMs} ms`)),
      )
    }
    if (snapshot.status === 'open') {
      // What failed before the stream that is given up was open is of no matter any more.
      step = 0
      after(REPLACE_MS, begin)
      set(NO_STREAM)
    } else begin()
    if (!signal.aborted) open(signal)
  }

  async function open(signal: AbortSignal): Promise<void> {
    const sink = sinkOf(signal)
    try {
      const reason = isRefused ? 'unauthorized' : 'connect'
      const token = (await getToken?.({ reason, signal })) ?? null
      // An attempt that has been replaced meanwhile must not touch what the new one asked for.
      if (!signal.aborted) await transport({ ...host.request(token), signal }, sink)
    } catch (cause) {
      sink.close(errorFrom('network', cause))
    }
  }

  /** Takes the reports of one stream, until it is replaced; each of them shows that it is alive. */
  function sinkOf(signal: AbortSignal): TransportSink {
    const alive =
      <Args extends unknown[]>(run?: (...args: Args) => void) =>
      (...args: Args): void => {
        if (signal.aborted) return
        activityAt = Date.now()
        if (snapshot.stale) set({ stale: false })
        run?.(...args)
      }
    return {
      open: alive(() => {
        openedAt = Date.now()
        host.opened()
        set({ status: 'open', downSince: null, everConnected: true, attempt: 0, error: null })
        watch()
      }),
      activity: alive(),
      message: alive(host.message),
      position: alive(host.position),
      overflow: alive(host.overflow),
      retry: alive((ms) => {
        base = Math.min(Math.max(ms, BASE_MIN_MS), maxMs)
      }),
      close(error, waitAtLeastMs) {
        if (!signal.aborted) lose(error, waitAtLeastMs)
      },
    }
  }

  function lose(error: TidingsError, waitAtLeastMs = 0): void {
    if (!stream) return
    const now = Date.now()
    if (openedAt) {
      const isStable = now - openedAt >= stableMs
      step = isStable ? 0 : Math.min(step, EARLY_DEATH_STEP)
      isRefused &&= !isStable
    }
    release()
    if (error.code === 'unauthorized' && getToken && !isRefused) {
      isRefused = true
      connect()
      return
    }
    const reason = finalReason(error)
    if (reason || snapshot.attempt >= maxAttempts) {
      halt('closed', reason ?? 'server', error)
      return
    }
    const isOffline = globalThis.navigator?.onLine === false
    const spread = Math.random() * Math.min(maxMs, base * 2 ** step++)
    earliestRetryAt = now + waitAtLeastMs
    retryIn(Math.max(waitAtLeastMs, isOffline ? maxMs : spread), {
      error,
      ...(isOffline && { status: 'offline' }),
    })
  }

  function retryIn(ms: number, patch?: Partial<ConnectionSnapshot>): void {
    after(ms, connect)
    setDown({ nextRetryAt: Date.now() + ms, ...patch })
  }

  function halt(
    status: 'idle' | 'closed',
    reason: PauseReason | null,
    error: TidingsError | null = null,
  ): void {
    release()
    const downSince = status === 'closed' ? (snapshot.downSince ?? Date.now()) : null
    set({ ...NO_STREAM, status, reason, error, downSince, attempt: 0 })
  }

  /** Looks after the stream once per half heartbeat, and when the next limit is reached; never per event. */
  function watch(lateMs = 0): void {
    clearTimeout(timer)
    if (options.heartbeat === false || !openedAt) return
    const interval = snapshot.heartbeatMs ?? defaultMs
    const staleMs = interval * staleFactor
    const deadMs = interval * deadFactor
    const silence = Date.now() - (activityAt ?? 0)
    let wait = WAKE_MS
    if (lateMs <= SLEEP_MS) {
      if (silence >= deadMs) {
        lose(makeError('heartbeat_timeout', `nothing came for ${silence} ms`))
        return
      }
      set({ stale: silence >= staleMs })
      wait = Math.min(interval / 2, (silence < staleMs ? staleMs : deadMs) - silence)
    }
    const dueAt = Date.now() + wait
    after(wait, () => watch(Date.now() - dueAt))
  }

  function wake(): void {
    if (snapshot.nextRetryAt) {
      retryIn(Math.max(earliestRetryAt - Date.now(), Math.random() * WOKEN_MS))
    }
  }

  function resume(): void {
    clearTimeout(hiddenTimer)
    if (snapshot.reason === 'hidden') connect()
    else wake()
  }

  function suspend(): void {
    if (!snapshot.reason) halt('idle', 'hidden')
  }

  function onVisibility(): void {
    if (!document.hidden) resume()
    else if (hiddenMs < Infinity) hiddenTimer = setTimeout(suspend, hiddenMs)
  }

  function unlisten(): void {
    listening?.abort()
    listening = undefined
    clearTimeout(hiddenTimer)
  }

  return {
    snapshot: () => snapshot,
    activityAt: () => activityAt,
    start() {
      if (listening) return
      listening = new AbortController()
      const { signal } = listening
      const listeners = {
        online: wake,
        pagehide: suspend,
        pageshow: resume,
        visibilitychange: onVisibility,
      }
      // A program hears of nothing, and a worker has no document.
      for (const [name, listener] of Object.entries(listeners)) {
        globalThis.addEventListener?.(name, listener, { signal })
      }
      if (globalThis.document) onVisibility()
      if (snapshot.status === 'idle' && snapshot.reason !== 'manual') connect()
    },
    pause(reason) {
      if (reason === 'unused') {
        unlisten()
        if (snapshot.status === 'closed' || snapshot.reason === 'manual') return
      }
      halt('idle', reason)
    },
    replace() {
      if (stream) connect()
    },
    reconnect() {
      step = 0
      isRefused = false
      if (snapshot.stale) setDown({})
      if (listening) connect()
      else halt('idle', null)
    },
    lose,
    tell: set,
    close() {
      unlisten()
      halt('closed', 'manual')
    },
  }
}

type Timer = ReturnType<typeof setTimeout> | undefined

/** Tells whether the error ends the tries, and as what. */
function finalReason({ code, status }: TidingsError): PauseReason | null {
  if (code === 'unauthorized' || code === 'forbidden') return 'auth'
  if (code === 'server_stop') return 'server'
  return code === 'http' && /^4(?!08|25|29)/.test(`${status}`) ? 'server' : null
}
