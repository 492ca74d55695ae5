/** Shares one stream among subscriptions: matches, validates, and isolates handlers. */
import type {
  ChannelMap,
  ClientOptions,
  ConnectionSnapshot,
  StandardSchemaV1,
  SubscribeOptions,
  TidingsClient,
  TidingsError,
  TidingsEvent,
} from './api.js'
import { matcher } from './channels.js'
import { errorFrom, makeError } from './makeError.js'
import { createStream, type Stream, type StreamSink } from './stream.js'

/** State channels whose newest value is kept for late subscribers. */
const VALUES_MAX = 256

interface Subscription {
  readonly name: string
  readonly own: SubscribeOptions
  readonly covers: (channel: string) => boolean
  readonly deliver: (event: TidingsEvent) => void
  readonly tellLive: () => void
  readonly end: () => void
}

/** Creates a client; the first subscription connects it. */
export function createClient<Channels extends ChannelMap = object>(
  options: ClientOptions<Channels>,
): TidingsClient<Channels> {
  return clientOf(options, (sink) => createStream(options as ClientOptions, sink))
}

/** Creates a client on a stream that is held elsewhere, for instance in a shared worker. */
export function clientOf<Channels extends ChannelMap>(
  options: Pick<ClientOptions<Channels>, 'schemas' | 'debug' | 'onError' | 'onGap'>,
  makeStream: (sink: StreamSink) => Stream,
): TidingsClient<Channels> {
  const {
    onError = ({ code, cause }) => {
      if (code === 'handler') throw cause
    },
  } = options
  const logger = options.debug === true ? console : options.debug
  const debug = (text: string, detail: unknown): void => {
    if (logger) logger.debug(`tidings: ${text}`, detail)
  }
  /** Replaced and never changed, so that a handler may subscribe and end what it likes. */
  let subscriptions: readonly Subscription[] = []
  const values = new Map<string, TidingsEvent>()
  const listeners = new Set<(now: ConnectionSnapshot, before: ConnectionSnapshot) => void>()
  let isClosed = false
  /** Names that the server follows; null is all. */
  let live: readonly string[] | null = []

  const stream = makeStream({
    event: dispatch,
    gap(gap) {
      call(options.onGap, gap)
      for (const { covers, own } of subscriptions) {
        if (gap.channels?.some(covers) ?? true) call(own.onGap, gap)
      }
    },
    dropped(n) {
      for (const { own } of subscriptions) call(own.onDropped, n)
    },
    changed(now, before) {
      debug(`${before.status} -> ${now.status}`, now)
      if (now.reason === 'unused') {
        live = []
        values.clear()
      }
      for (const listener of [...listeners]) call(listener, now, before)
    },
    live(names) {
      live = names
      for (const channel of values.keys()) if (!followersOf(channel).length) values.delete(channel)
      for (const { tellLive } of subscriptions) tellLive()
    },
    error: report,
  })

  function followersOf(channel: string): Subscription[] {
    return subscriptions.filter(({ covers }) => covers(channel))
  }

  function report(error: TidingsError, event?: TidingsEvent): void {
    debug(error.message, error)
    try {
      onError(error, event)
    } catch (cause) {
      // The runtime reports it as if nobody had caught it.
      queueMicrotask(() => {
        throw cause
      })
    }
  }

  function call<Args extends unknown[]>(
    run: ((...args: Args) => void) | undefined,
    ...args: Args
  ): void {
    try {
      run?.(...args)
    } catch (cause) {
      report(errorFrom('handler', cause))
    }
  }

  /** Returns the event with its data validated, or null when it does not fit. */
  function validated(event: TidingsEvent, schema?: StandardSchemaV1): TidingsEvent | null {
    if (!schema) return event
    const result = schema['~standard'].validate(event.data)
    const isAsync = result instanceof Promise
    if (!isAsync && !result.issues) return { ...event, data: result.value }
    stream.countInvalid()
    const why = isAsync ? 'asynchronous schema' : result.issues?.[0]?.message
    report(makeError('invalid_payload', `${event.type} on ${event.channel}: ${why}`), event)
    return null
  }

  function dispatch(raw: TidingsEvent, isState: boolean): void {
    const { channel } = raw
    // Schemas belong to channels that the caller names; others have none.
    const schemas = options.schemas as Record<string, StandardSchemaV1> | undefined
    const event = validated(raw, schemas?.[channel])
    if (!event) return
    if (values.has(channel) || (isState && values.size < VALUES_MAX)) {
      values.set(channel, event)
    }
    const followers = followersOf(channel)
    for (const { deliver } of followers) deliver(event)
    if (logger) debug(`${event.type} on ${channel} to ${followers.length} handlers`, event)
  }

  function want(): void {
    stream.want(subscriptions.map(({ name }) => name))
  }

  function subscribe(
    name: string,
    handler: (event: TidingsEvent) => void,
    own: SubscribeOptions = {},
  ): () => void {
    const { signal, types, schema } = own
    const covers = matcher(name)
    let wasTold = false
    const isLive = (): boolean =>
      subscriptions.includes(subscription) && (!live || live.includes(name))
    const deliver = (raw: TidingsEvent): void => {
      if (!subscriptions.includes(subscription) || (types && !types.includes(raw.type))) return
      const event = validated(raw, schema)
      if (event) call(handler, event)
    }
    const tellLive = (): void => {
      if (wasTold || !isLive()) return
      wasTold = true
      call(own.onLive)
    }
    const end = (): void => {
      if (!subscriptions.includes(subscription)) return
      subscriptions = subscriptions.filter((one) => one !== subscription)
      signal?.removeEventListener('abort', end)
      want()
    }
    const subscription = { name, own, covers, deliver, tellLive, end }
    if (signal?.aborted || isClosed) return end
    signal?.addEventListener('abort', end)
    subscriptions = [...subscriptions, subscription]
    // The server sends state to what is new to it only, so a late subscriber gets what is known here.
    queueMicrotask(() => {
      if (!isLive()) return
      for (const [channel, event] of [...values]) if (covers(channel)) deliver(event)
      tellLive()
    })
    want()
    return end
  }

  // The signatures tie payloads to channels; inside, payloads are unknown.
  return {
    subscribe,
    call,
    get connection() {
      return stream.snapshot()
    },
    stats: stream.stats,
    isConnected: () => stream.snapshot().status === 'open',
    onConnectionChange(listener, { emitCurrent } = {}) {
      // A wrapper of its own, so that the same function may listen twice.
      const own: typeof listener = (now, before) => listener(now, before)
      listeners.add(own)
      if (emitCurrent) call(own, stream.snapshot(), stream.snapshot())
      return () => listeners.delete(own)
    },
    reconnect() {
      if (!isClosed) stream.reconnect()
    },
    disconnect() {
      if (!isClosed) stream.disconnect()
    },
    close() {
      isClosed = true
      for (const { end } of subscriptions) end()
      stream.close()
    },
  } as TidingsClient<Channels>
}
