/** Entry `tidings/react`: hooks over one client. */
import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import type {
  BatchOptions,
  ChannelKey,
  ConnectionSnapshot,
  DataOf,
  TidingsClient,
  TidingsEvent,
} from './api.js'
import { type ChannelState, type ChannelStateOptions, createChannelState } from './channelState.js'
import { connectionNotice, type NoticeHandlers } from './connectionNotice.js'
import { subscribeBatch } from './subscribeBatch.js'

export type { ChannelState, ChannelStateOptions } from './channelState.js'

const Context = createContext<TidingsClient | null>(null)

/** Gives the components below it a client, which is created once and outlives them. */
export function TidingsProvider(props: { client: TidingsClient; children?: ReactNode }): ReactNode {
  return createElement(Context.Provider, { value: props.client }, props.children)
}

/** Returns the client of the nearest provider. */
export function useTidings(): TidingsClient {
  const client = useContext(Context)
  if (!client) throw new Error('useTidings needs a <TidingsProvider client={…}> above it')
  return client
}

/**
 * Returns the connection, or what `selector` takes from it, and renders anew when that changes.
 *
 * A selector returns a member or a primitive; a new object each time would never settle.
 */
export function useConnection(): ConnectionSnapshot
export function useConnection<Selected>(
  selector: (connection: ConnectionSnapshot) => Selected,
): Selected
export function useConnection(
  selector: (connection: ConnectionSnapshot) => unknown = (connection) => connection,
): unknown {
  const client = useTidings()
  const read = () => selector(client.connection)
  const follow = useCallback((changed: () => void) => client.onConnectionChange(changed), [client])
  return useSyncExternalStore(follow, read, read)
}

/** Settings of a subscription that a component holds. */
export interface ChannelOptions<Data = unknown> extends Omit<BatchOptions<Data>, 'signal'> {
  /** False ends the subscription. */
  enabled?: boolean
}

/**
 * Hands the events of a channel to `handler` in batches; never renders by itself.
 *
 * The newest `handler` and callbacks are used, so they need not be kept; `schema` counts from the first render.
 */
export function useChannel<Channel extends ChannelKey<object>, Data = DataOf<object, Channel>>(
  channel: Channel,
  handler: (events: TidingsEvent<Data>[]) => void,
  options: ChannelOptions<Data> = {},
): void {
  const client = useTidings()
  const newest = useNewest({ handler, options })
  const { enabled = true, every = 'frame', max, types } = options
  const typeNames = types?.join('\n')
  useEffect(() => {
    if (!enabled) return
    const { schema } = newest.current.options
    return subscribeBatch<object, Channel, Data>(
      client,
      channel,
      (events) => newest.current.handler(events),
      {
        every,
        ...(max && { max }),
        ...(typeNames && { types: typeNames.split('\n') }),
        ...(schema && { schema }),
        onGap: (gap) => newest.current.options.onGap?.(gap),
        onLive: () => newest.current.options.onLive?.(),
        onDropped: (n) => newest.current.options.onDropped?.(n),
      },
    )
  }, [client, channel, enabled, every, max, typeNames, newest])
}

/**
 * Keeps a state from a snapshot and the events of a channel.
 *
 * The subscription comes first, the snapshot is loaded, what it holds already is left out (`isOld`), and the rest is
 * reduced into it; after a gap this is done again. Another channel or client starts from `initial`.
 */
export function useChannelState<
  State,
  Channel extends ChannelKey<object>,
  Data = DataOf<object, Channel>,
>(
  channel: Channel,
  options: ChannelStateOptions<State, Data>,
): ChannelState<State> & { refresh: () => void } {
  const client = useTidings()
  const newest = useNewest(options)
  const first = useRef<ChannelState<State>>({
    state: options.initial,
    status: options.snapshot ? 'loading' : 'ready',
    error: null,
  })
  const [store, setStore] = useState<ReturnType<typeof createChannelState<State, Data>> | null>(
    null,
  )
  // The subscription reaches outside, so it begins with the effect and not with the render.
  useEffect(() => {
    const own = createChannelState(client, channel, () => newest.current)
    setStore(own)
    return () => {
      own.close()
      setStore(null)
    }
  }, [client, channel, newest])
  const follow = useCallback(
    (changed: () => void) => store?.subscribe(changed) ?? (() => {}),
    [store],
  )
  const read = () => store?.snapshot() ?? first.current
  const state = useSyncExternalStore(follow, read, read)
  const refresh = useCallback(() => store?.refresh(), [store])
  return { ...state, refresh }
}

/** Calls `lost` once per outage that outlasts the grace time, and `restored` at its end. */
export function useConnectionNotice(handlers: NoticeHandlers, graceMs = 1_000): void {
  const client = useTidings()
  const newest = useNewest(handlers)
  useEffect(
    () =>
      connectionNotice(
        client,
        {
          lost: () => newest.current.lost(),
          restored: (downMs) => newest.current.restored(downMs),
        },
        graceMs,
      ),
    [client, graceMs, newest],
  )
}

/** Holds the value of the last render for callbacks that outlive it. */
function useNewest<Value>(value: Value): { readonly current: Value } {
  const newest = useRef(value)
  useEffect(() => {
    newest.current = value
  })
  return newest
}
