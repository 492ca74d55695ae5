/** Public types of the client: what every entry of the package shares. */
import type { BuiltInChannels } from './events.js'

/**
 * State of the stream.
 *
 * `connecting` until the first open ever, `reconnecting` after a loss, `offline` when a failed stream waits for a
 * network; `idle` holds no stream because nobody needs one; `closed` has given up until `reconnect()`.
 */
export type Status = 'idle' | 'connecting' | 'open' | 'reconnecting' | 'offline' | 'closed'

/** Why there is no stream and none is being opened. */
export type PauseReason = 'unused' | 'hidden' | 'manual' | 'auth' | 'server'

/** What went wrong. */
export type ErrorCode =
  | 'network'
  | 'http'
  | 'unauthorized'
  | 'forbidden'
  | 'content_type'
  | 'heartbeat_timeout'
  | 'connect_timeout'
  | 'server_close'
  | 'server_stop'
  | 'invalid_payload'
  | 'handler'
  | 'overflow'

/** An error of the client; `code` tells programs what `message` tells people. */
export interface TidingsError extends Error {
  readonly code: ErrorCode
  /** HTTP status, when an answer came. */
  readonly status?: number
}

/** The connection at one moment; immutable, a new object only when something changed. */
export interface ConnectionSnapshot {
  readonly status: Status
  /** When this status began, in milliseconds since 1970. */
  readonly since: number
  /** Since when events are not coming; null while they are, and while idle. */
  readonly downSince: number | null
  /** False means that a loss is not worth a notice yet. */
  readonly everConnected: boolean
  /** The subscription is live: state values and missed events have been delivered. */
  readonly ready: boolean
  /** Open, but the heartbeat is late. */
  readonly stale: boolean
  /** Tries since the stream was last open. */
  readonly attempt: number
  readonly nextRetryAt: number | null
  /** Id of the stream at the server. */
  readonly connectionId: string | null
  /** Whether the last reconnect got everything that was missed; null when there was none. */
  readonly recovered: boolean | null
  readonly serverVersion: string | null
  /** Time between heartbeats as the server announced it. */
  readonly heartbeatMs: number | null
  readonly error: TidingsError | null
  /** Set while idle or closed. */
  readonly reason: PauseReason | null
}

/** Counters that change with every event: pull them, nobody is notified. */
export interface ConnectionStats {
  readonly lastEventId: string | null
  /** Last event delivered, in milliseconds since 1970. */
  readonly lastEventAt: number | null
  /** Last byte received. */
  readonly lastActivityAt: number | null
  readonly received: number
  readonly duplicates: number
  /** Events dropped because they could not be decoded or did not match their schema. */
  readonly invalid: number
  /** Ephemeral events that the server left out because this client was slow. */
  readonly dropped: number
  readonly gaps: number
  readonly opens: number
}

/** An event as handlers get it. */
export interface TidingsEvent<Data = unknown> {
  /** Position in the log; null for events of state and ephemeral channels. */
  readonly id: string | null
  readonly channel: string
  readonly type: string
  /** When it was accepted, in milliseconds since 1970; null when the server does not say. */
  readonly timestamp: number | null
  readonly data: Data
}

/** Why events may be missing: the reasons of the server's `reset`, and three of the client. */
export type GapReason =
  | 'trimmed'
  | 'epoch'
  | 'future'
  | 'diverged'
  | 'lagged'
  | 'bad_id'
  | 'grant'
  | 'unrecovered'
  | 'overflow'
  | (string & {})

/** Events were missed: load the data anew. The stream is complete from here on. */
export interface Gap {
  readonly reason: GapReason
  /** Channels with a loss; null is all. */
  readonly channels: readonly string[] | null
  readonly from: string | null
  readonly to: string | null
}

/** One block of a stream, as the parser hands it out. */
export interface SseMessage {
  /** Id that stood in this block; null when it had none of its own. */
  readonly id: string | null
  /** Id in force after this block, which an event without its own id inherits. */
  readonly lastEventId: string
  /** Event name, `message` when there was none. */
  readonly event: string
  readonly data: string
}

/** Settings of a client that its requests go by. */
export type RequestSettings = Pick<ClientOptions, 'fetch' | 'credentials' | 'maxEventBytes'>

/** What a transport needs to open one stream. */
export interface TransportRequest {
  readonly url: string
  /** Headers of the caller, and `Authorization` when there is a token. */
  readonly headers: Readonly<Record<string, string>>
  readonly options: RequestSettings
  /** For transports that cannot send headers. */
  readonly token: string | null
  readonly lastEventId: string | null
  /** Aborted when the stream is not wanted any more; what the transport then says is not heard. */
  readonly signal: AbortSignal
}

/** Where a transport reports. */
export interface TransportSink {
  open(): void
  message(message: SseMessage): void
  /** A block moved the position without an event. */
  position(id: string): void
  retry(ms: number): void
  /** Bytes came, whatever they were. */
  activity(): void
  /** An event was too large and has been left out. */
  overflow(): void
  /** The stream ended; `retryAfterMs` is what the server asked for. */
  close(error: TidingsError, retryAfterMs?: number): void
}

/** Opens one stream and never retries: that is the engine's part. What it throws ends the stream. */
export type Transport = (request: TransportRequest, sink: TransportSink) => void | Promise<void>

/** A change of the channels of a live stream, with what the stream was asked for with. */
export interface ChannelChange extends Pick<TransportRequest, 'url' | 'headers' | 'options'> {
  readonly connectionId: string
  readonly add: readonly string[]
  readonly remove: readonly string[]
}

/** Changes the channels of a live stream; a rejection means that the stream has to be replaced. */
export type ChannelPatch = (change: ChannelChange) => Promise<void>

/** Validates a value: any library that implements Standard Schema (zod, valibot, arktype). */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
  }
}

/** Outcome of a validation. */
export type StandardResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** Payload types by channel. */
export type ChannelMap = object

/** A channel or pattern; known names are suggested. */
export type ChannelKey<Channels> = (keyof Channels & string) | keyof BuiltInChannels | (string & {})

/** Payload of a channel: the caller's type, else the built-in one, else unknown. */
export type DataOf<Channels, Channel> = Channel extends keyof Channels
  ? Channels[Channel]
  : Channel extends keyof BuiltInChannels
    ? BuiltInChannels[Channel]
    : unknown

/** Writes what the client does: `console` fits. */
export interface Logger {
  debug(message: string, detail?: unknown): void
}

/** Keeps the position over reloads; see `sessionPosition`. */
export interface PositionStore {
  load(): string | null
  save(id: string): void
}

/** Settings of a client. Every limit and time has a default. */
export interface ClientOptions<Channels extends ChannelMap = object> {
  /**
   * Stream endpoint, for instance `/api/sse/stream`.
   *
   * Its query may hold what the server takes: `heartbeat=10`, or where a first connection starts (`tail=20`).
   */
  url: string | URL
  /** `fetchTransport()` when missing; `eventSourceTransport()` comes from `tidings/eventsource`. */
  transport?: Transport
  /** Fixed set: subscriptions never change the request. */
  channels?: readonly string[]
  schemas?: { readonly [Channel in keyof Channels]?: StandardSchemaV1<unknown, Channels[Channel]> }
  /** Reads other formats than the envelope; null leaves a message out. See `tidings/decoders`. */
  decode?: (message: SseMessage) => TidingsEvent | null
  /** Asked before each connection, and once more when the server refuses the token. */
  getToken?: (ask: {
    reason: 'connect' | 'unauthorized'
    signal: AbortSignal
  }) => string | null | Promise<string | null>
  headers?: Record<string, string> | (() => Record<string, string>)
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch
  credentials?: RequestCredentials
  backoff?: {
    /** Longest first wait after a loss; `retry:` of the server replaces it. 500 */
    baseMs?: number
    /** Longest wait. 30 000 */
    maxMs?: number
    /** A stream that lived so long starts the back-off anew. 1 000 */
    stableMs?: number
    /** Tries after a loss before the client gives up. No end when missing. */
    maxAttempts?: number
  }
  /** False switches the watchdog off. */
  heartbeat?:
    | {
        /** Assumed until the server says. 20 000 */
        defaultMs?: number
        /** Stale after so many heartbeats of silence. 1.5 */
        staleFactor?: number
        /** Replaced after so many. 2.5 */
        deadFactor?: number
      }
    | false
  /** 10 000 */
  connectTimeoutMs?: number
  /** How long an unused channel or stream is kept. 1 000 */
  lingerMs?: number
  /** A page hidden so long gives its stream back until it is visible. Never when missing. */
  hiddenMs?: number
  /** Largest event; a larger one is left out and told as a gap. 16 MiB of text */
  maxEventBytes?: number
  /** Ids remembered against duplicates. 512 */
  dedupe?: number
  /** `patchChannels` changes the channels of a live stream; without it the stream is replaced without a gap. */
  patch?: ChannelPatch
  lastEventId?: PositionStore
  onError?: (error: TidingsError, event?: TidingsEvent) => void
  onGap?: (gap: Gap) => void
  /** Prints state changes and where events go, to the console or a logger. */
  debug?: boolean | Logger
}

/** Settings of one subscription. */
export interface SubscribeOptions<Data = unknown> {
  schema?: StandardSchemaV1<unknown, Data>
  /** Event types to deliver; all when missing. */
  types?: readonly string[]
  /** Events of the channel were missed: load anew. */
  onGap?: (gap: Gap) => void
  /** The server follows the channel from here on: what is loaded now and what comes leaves no hole. Called once. */
  onLive?: () => void
  /** The server left out so many ephemeral events, of any channel of the stream. */
  onDropped?: (n: number) => void
  /** Ends the subscription. */
  signal?: AbortSignal
}

/** Settings of a subscription that delivers in batches. */
export interface BatchOptions<Data = unknown> extends SubscribeOptions<Data> {
  /** Once per animation frame (a timer while hidden), or every so many milliseconds. `frame` */
  every?: 'frame' | number
  /** A larger batch is dropped and told as a gap. 5 000 */
  max?: number
}

/** Settings of an iterator. */
export interface IterateOptions<Data = unknown> extends SubscribeOptions<Data> {
  /** Events that may wait; when more do, they are dropped and `onGap` is called, or else the iterator throws. 1 000 */
  buffer?: number
}

/** One resilient stream and the subscriptions that share it. Methods may be passed around unbound. */
export interface TidingsClient<Channels extends ChannelMap = object> {
  /** Follows a channel or pattern; the first subscription connects, the last one disconnects. Returns its end. */
  subscribe<Channel extends ChannelKey<Channels>, Data = DataOf<Channels, Channel>>(
    channel: Channel,
    handler: (event: TidingsEvent<Data>) => void,
    options?: SubscribeOptions<Data>,
  ): () => void
  /** Calls a handler for a helper like `subscribeBatch`: what it throws goes to `onError` and stops nobody. */
  call<Args extends unknown[]>(handler: ((...args: Args) => void) | undefined, ...args: Args): void
  readonly connection: ConnectionSnapshot
  stats(): ConnectionStats
  isConnected(): boolean
  onConnectionChange(
    listener: (now: ConnectionSnapshot, before: ConnectionSnapshot) => void,
    options?: { emitCurrent?: boolean },
  ): () => void
  /** Tries now, also after `closed`; replaces an open stream. */
  reconnect(): void
  /** Gives the stream back until `reconnect()`; subscriptions stay. */
  disconnect(): void
  /** Ends everything for good: stream, timers, listeners, subscriptions. */
  close(): void
}
