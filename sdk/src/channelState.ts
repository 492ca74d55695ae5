/** Keeps a state from a snapshot and the events after it, with nothing lost or doubled. */
import type { SubscribeOptions, TidingsClient, TidingsEvent } from './api.js'
import { subscribeBatch } from './subscribeBatch.js'

/** A state and how far it can be trusted. */
export interface ChannelState<State> {
  readonly state: State
  /** `error`: the last load failed, it is tried again, and `state` is what was known before. */
  readonly status: 'loading' | 'ready' | 'error'
  readonly error: unknown
}

/** How a state is made. */
export interface ChannelStateOptions<State, Data> extends Omit<SubscribeOptions<Data>, 'signal'> {
  initial: State
  /** Loads the state anew: at first, after a gap, and on `refresh`. */
  snapshot?: (signal: AbortSignal) => Promise<State>
  /** Whether the loaded state holds the event already, for instance by its version. */
  isOld?: (event: TidingsEvent<Data>, loaded: State) => boolean
  reduce: (state: State, events: TidingsEvent<Data>[]) => State
  every?: 'frame' | number
}

/** A store in the form that `useSyncExternalStore` takes. */
export interface ChannelStore<State> {
  subscribe(listener: () => void): () => void
  snapshot(): ChannelState<State>
  refresh(): void
  close(): void
}

/** Events that may wait for a snapshot; more make it load again. */
const WAITING_MAX = 5_000
const RETRY_MIN_MS = 1_000
const RETRY_MAX_MS = 30_000

/** Follows a channel and reduces its events into a state until `close`. */
export function createChannelState<State, Data>(
  client: TidingsClient,
  channel: string,
  options: () => ChannelStateOptions<State, Data>,
): ChannelStore<State> {
  const { initial, snapshot, every = 'frame', types, schema } = options()
  const listeners = new Set<() => void>()
  let current: ChannelState<State> = {
    state: initial,
    status: snapshot ? 'loading' : 'ready',
    error: null,
  }
  // While a snapshot is loading, events wait here; otherwise they are applied at once.
  let waiting: TidingsEvent<Data>[] | null = snapshot ? [] : null
  let loading: AbortController | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let nFailures = 0
  let wasAsked = false

  function set(next: Partial<ChannelState<State>>): void {
    current = { ...current, ...next }
    for (const listener of [...listeners]) listener()
  }

  async function load(): Promise<void> {
    wasAsked = true
    clearTimeout(timer)
    loading?.abort()
    const { snapshot: fetchState } = options()
    if (!fetchState) return
    const own = new AbortController()
    loading = own
    // What waited so far is older than the load that begins now.
    waiting = []
    try {
      const loaded = await fetchState(own.signal)
      if (own.signal.aborted) return
      const { isOld, reduce } = options()
      const events = waiting.filter((event) => !isOld?.(event, loaded))
      waiting = null
      nFailures = 0
      const state = events.length ? reduce(loaded, events) : loaded
      set({ state, status: 'ready', error: null })
    } catch (error) {
      if (own.signal.aborted) return
      timer = setTimeout(load, Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** nFailures++))
      set({ status: 'error', error })
    }
  }

  const end = subscribeBatch(
    client,
    channel,
    // The schema, or the caller's word, says that the payloads are of this type.
    (events) => {
      const own = events as unknown as TidingsEvent<Data>[]
      if (!waiting) set({ state: options().reduce(current.state, own) })
      else if (waiting.length + own.length > WAITING_MAX) load()
      else waiting.push(...own)
    },
    {
      every,
      ...(types && { types }),
      ...(schema && { schema }),
      // What was loaded before the stream was live may miss what happened between the two.
      onLive() {
        options().onLive?.()
        load()
      },
      onGap(gap) {
        options().onGap?.(gap)
        load()
      },
      onDropped: (n) => options().onDropped?.(n),
    },
  )
  // The page does not wait for the stream.
  queueMicrotask(() => {
    if (!wasAsked) load()
  })

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    snapshot: () => current,
    refresh: load,
    close() {
      end()
      wasAsked = true
      clearTimeout(timer)
      loading?.abort()
    },
  }
}
