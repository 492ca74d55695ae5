/** Shares one stream among subscriptions: matches, validates, batches, and isolates handlers. */
import type {
  BatchOptions,
  ChannelKey,
  ChannelMap,
  ClientOptions,
  ConnectionSnapshot,
  Logger,
  StandardSchemaV1,
  StreamOptions,
  SubscribeOptions,
  TidingsClient,
  TidingsError,
  TidingsEvent,
} from './api.js'
import { batches } from './batches.js'
import { isPattern, matcher } from './channels.js'
import { iterate } from './iterate.js'
import { makeError } from './makeError.js'
import { createStream, type Stream, type StreamSink } from './stream.js'

/** State channels whose newest value is kept for late subscribers. */
const VALUES_MAX = 256

interface Subscription {
  readonly name: string
  readonly covers: (channel: string) => boolean
  readonly deliver: (event: TidingsEvent) => void
  readonly options: SubscribeOptions
  readonly live: () => void
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
  const logger: Logger | undefined = options.debug === true ? console : options.debug || undefined
  const debug = (text: string, detail?: unknown): void => logger?.debug(`tidings: ${text}`, detail)
  // By name as it was subscribed; a channel is looked up, patterns are tried.
  const byName = new Map<string, Set<Subscription>>()
  const patterns = new Set<string>()
  const values = new Map<string, TidingsEvent>()
  const listeners = new Set<(now: ConnectionSnapshot, before: ConnectionSnapshot) => void>()
  let nInvalid = 0
  let isClosed = false
  /** Names that the server follows; null is all. */
  let live: readonly string[] | null = []
  const isLive = (name: string): boolean => !live || live.includes(name)

  const stream = makeStream({
    event: dispatch,
    gap(gap) {
      debug(`gap: ${gap.reason}`, gap)
      isolated(() => options.onGap?.(gap))
      for (const { options: own, covers } of all()) {
        if (!gap.channels || gap.channels.some(covers)) isolated(() => own.onGap?.(gap))
      }
    },
    dropped(n) {
      debug(`the server left out ${n} events`)
      for (const { options: own } of all()) isolated(() => own.onDropped?.(n))
    },
    changed(now, before) {
      debug(`${before.status} -> ${now.status}`, now)
      if (now.reason === 'unused') {
        live = []
        values.clear()
      }
      for (const listener of [...listeners]) isolated(() => listener(now, before))
    },
    live(names) {
      live = names
      for (const channel of values.keys()) {
        if (!all().some((one) => one.covers(channel))) values.delete(channel)
      }
      for (const one of all()) if (isLive(one.name)) one.live()
    },
    error: report,
  })

  function all(): Subscription[] {
    return [...byName.values()].flatMap((subscriptions) => [...subscriptions])
  }

  function report(error: TidingsError, event?: TidingsEvent): void {
    debug(error.message, error)
    if (options.onError) {
      try {
        options.onError(error, event)
      } catch (cause) {
        reportUncaught(cause)
      }
    } else if (error.code === 'handler') reportUncaught(error.cause)
  }

  /** Runs code of the caller, whose errors must not stop the others. */
  function isolated(run: () => void, event?: TidingsEvent): void {
    try {
      run()
    } catch (cause) {
      report(makeError('handler', `a handler failed: ${cause}`, { cause }), event)
    }
  }

  /** Returns the event with its data validated, or null when it does not fit. */
  function validated(event: TidingsEvent, schema?: StandardSchemaV1): TidingsEvent | null {
    if (!schema) return event
    const result = schema['~standard'].validate(event.data)
    const isAsync = result instanceof Promise
    if (!isAsync && !result.issues) return { ...event, data: result.value }
    nInvalid++
    const why = isAsync ? 'asynchronous schemas cannot be used' : result.issues?.[0]?.message
    report(makeError('invalid_payload', `${event.type} on ${event.channel}: ${why}`), event)
    return null
  }

  function dispatch(raw: TidingsEvent, isState: boolean): void {
    const { channel } = raw
    // Schemas belong to channels that the caller names; others have none.
    const schemas = options.schemas as Record<string, StandardSchemaV1> | undefined
    const event = validated(raw, schemas?.[channel])
    if (!event) return
    if (event.id === null && (values.has(channel) || (isState && values.size < VALUES_MAX))) {
      values.set(channel, event)
    }
    const found = [...(byName.get(channel) ?? [])]
    for (const pattern of patterns) {
      for (const one of byName.get(pattern) ?? []) if (one.covers(channel)) found.push(one)
    }
    for (const { deliver } of found) deliver(event)
    if (logger) debug(`${event.type} on ${channel} to ${found.length} handlers`, event)
  }

  function subscribe(
    name: string,
    handler: (event: TidingsEvent) => void,
    own: SubscribeOptions = {},
  ): () => void {
    const { signal, types, schema } = own
    let isOver = false
    let wasTold = false
    const deliver = (raw: TidingsEvent): void => {
      if (isOver || (types && !types.includes(raw.type))) return
      const event = validated(raw, schema)
      if (event) isolated(() => handler(event), event)
    }
    const end = (): void => {
      if (isOver) return
      isOver = true
      signal?.removeEventListener('abort', end)
      const others = byName.get(name)
      others?.delete(subscription)
      if (others?.size === 0) {
        byName.delete(name)
        patterns.delete(name)
      }
      stream.want(byName.keys())
    }
    const tellLive = (): void => {
      if (!wasTold && !isOver) isolated(() => own.onLive?.())
      wasTold = true
    }
    const covers = matcher(name)
    const subscription = { name, covers, deliver, options: own, live: tellLive, end }
    if (signal?.aborted || isClosed) return () => {}
    signal?.addEventListener('abort', end)
    const others = byName.get(name)
    if (others) others.add(subscription)
    else byName.set(name, new Set([subscription]))
    if (isPattern(name)) patterns.add(name)
    // The server sends state to what is new to it only, so a late subscriber gets what is known here.
    queueMicrotask(() => {
      if (!isLive(name)) return
      for (const event of [...values.values()]) if (covers(event.channel)) deliver(event)
      tellLive()
    })
    stream.want(byName.keys())
    return end
  }

  // The signatures tie payloads to channels; inside, payloads are unknown.
  return {
    subscribe,
    subscribeBatch: (
      name: string,
      handler: (events: TidingsEvent[]) => void,
      own: BatchOptions = {},
    ) => batches(subscribe, name, (events) => isolated(() => handler(events)), own),
    stream: (name: string, own: StreamOptions = {}) => iterate(subscribe, name, own),
    get connection() {
      return stream.snapshot()
    },
    stats() {
      const stats = stream.stats()
      return { ...stats, invalid: stats.invalid + nInvalid }
    },
    isConnected: () => stream.snapshot().status === 'open',
    onConnectionChange(listener, { emitCurrent } = {}) {
      // A wrapper of its own, so that the same function may listen twice.
      const own: typeof listener = (now, before) => listener(now, before)
      listeners.add(own)
      if (emitCurrent) isolated(() => own(stream.snapshot(), stream.snapshot()))
      return () => listeners.delete(own)
    },
    reconnect: stream.reconnect,
    disconnect: stream.disconnect,
    close() {
      isClosed = true
      for (const one of all()) one.end()
      stream.close()
    },
  } as TidingsClient<Channels>
}

/** A subscribe function without the caller's types. */
export type Subscribe = (
  name: ChannelKey<object>,
  handler: (event: TidingsEvent) => void,
  options?: SubscribeOptions,
) => () => void

/** Lets the runtime report an error as if nobody had caught it. */
function reportUncaught(cause: unknown): void {
  queueMicrotask(() => {
    throw cause
  })
}
