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
import { matcher } from './channels.js'
import { iterate } from './iterate.js'
import { makeError } from './makeError.js'
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
  const logger: Logger | undefined = options.debug === true ? console : options.debug || undefined
  const debug = (text: string, detail?: unknown): void => logger?.debug(`tidings: ${text}`, detail)
  const subscriptions = new Set<Subscription>()
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
      call(options.onGap, gap)
      for (const { covers, own } of [...subscriptions]) {
        if (!gap.channels || gap.channels.some(covers)) call(own.onGap, gap)
      }
    },
    dropped(n) {
      debug(`the server left out ${n} events`)
      for (const { own } of [...subscriptions]) call(own.onDropped, n)
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
      const all = [...subscriptions]
      for (const channel of values.keys()) {
        if (!all.some(({ covers }) => covers(channel))) values.delete(channel)
      }
      for (const one of all) if (isLive(one.name)) one.tellLive()
    },
    error: report,
  })

  function report(error: TidingsError, event?: TidingsEvent): void {
    debug(error.message, error)
    try {
      if (options.onError) options.onError(error, event)
      else if (error.code === 'handler') throw error.cause
    } catch (cause) {
      // The runtime reports it as if nobody had caught it.
      queueMicrotask(() => {
        throw cause
      })
    }
  }

  /** Calls what the caller gave, whose errors must not stop the others. */
  function call<Args extends unknown[]>(
    run: ((...args: Args) => void) | undefined,
    ...args: Args
  ): void {
    try {
      run?.(...args)
    } catch (cause) {
      report(makeError('handler', `a handler failed: ${cause}`, { cause }))
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
    const found = [...subscriptions].filter(({ covers }) => covers(channel))
    for (const { deliver } of found) deliver(event)
    if (logger) debug(`${event.type} on ${channel} to ${found.length} handlers`, event)
  }

  function want(): void {
    stream.want([...subscriptions].map(({ name }) => name))
  }

  function subscribe(
    name: string,
    handler: (event: TidingsEvent) => void,
    own: SubscribeOptions = {},
  ): () => void {
    const { signal, types, schema } = own
    const covers = matcher(name)
    let wasTold = false
    const isOver = (): boolean => !subscriptions.has(subscription)
    const deliver = (raw: TidingsEvent): void => {
      if (isOver() || (types && !types.includes(raw.type))) return
      const event = validated(raw, schema)
      if (event) call(handler, event)
    }
    const tellLive = (): void => {
      if (!wasTold && !isOver()) call(own.onLive)
      wasTold = true
    }
    const end = (): void => {
      if (!subscriptions.delete(subscription)) return
      signal?.removeEventListener('abort', end)
      want()
    }
    const subscription = { name, own, covers, deliver, tellLive, end }
    if (signal?.aborted || isClosed) return end
    signal?.addEventListener('abort', end)
    subscriptions.add(subscription)
    // The server sends state to what is new to it only, so a late subscriber gets what is known here.
    queueMicrotask(() => {
      if (!isLive(name)) return
      for (const event of [...values.values()]) if (covers(event.channel)) deliver(event)
      tellLive()
    })
    want()
    return end
  }

  // The signatures tie payloads to channels; inside, payloads are unknown.
  return {
    subscribe,
    subscribeBatch: (
      name: string,
      handler: (events: TidingsEvent[]) => void,
      own: BatchOptions = {},
    ) => batches(subscribe, name, (events) => call(handler, events), own),
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
      for (const { end } of [...subscriptions]) end()
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
