/** Entry `tidings/sse-client`: the client as the earlier systems called it, over the same engine. */
import type { ClientOptions, ConnectionSnapshot, Gap, TidingsClient, TidingsEvent } from './api.js'
import { createClient } from './client.js'
import { decodeLeases } from './decoders.js'
import type { SSEConnectionState } from './events.js'
import { patchChannels } from './patchChannels.js'

/** The connection as it was shown before. */
export interface ConnectionStatus {
  readonly state: SSEConnectionState
  /** Data of the last event. */
  readonly lastEvent?: unknown
  readonly lastEventTime?: Date
  readonly error?: string
  readonly reconnectAttempts: number
}

/** Settings of `SSEClient`; those of `createClient` may be given too. */
export interface SSEClientOptions extends Omit<Partial<ClientOptions>, 'onError' | 'decode'> {
  /** `/api/sse/stream`; a URL that ends in `/leases/stream` is read as the lease stream. */
  url?: string | URL
  onConnectionChange?: (isConnected: boolean) => void
  /** Called with the data of every event that arrives. */
  onEvent?: (data: unknown, event: TidingsEvent) => void
  onError?: (error: Error) => void
  /** Tries after a loss before the state is `error`; no end when missing. */
  maxReconnectAttempts?: number
}

let shared: SSEClient | null = null

/**
 * One stream for the whole page.
 *
 * `subscribe` connects by itself and the last unsubscribe disconnects; `connect` follows every channel of the stream
 * when nothing is subscribed. New code is better off with `createClient`.
 */
export class SSEClient {
  onopen: (() => void) | null = null
  onmessage: ((event: TidingsEvent) => void) | null = null
  onerror: ((error: Error) => void) | null = null
  /** An `EventSource` has no such event; here it tells the end of the stream by `disconnect` or by the server. */
  onclose: (() => void) | null = null

  readonly #client: TidingsClient
  readonly #options: SSEClientOptions
  readonly #byType = new Map<string, Set<(data: unknown, event: TidingsEvent) => void>>()
  readonly #onReset = new Set<(gap: Gap) => void>()
  #n = 0
  #followAll: (() => void) | null = null
  #last: TidingsEvent | null = null
  #lastAt: Date | null = null

  constructor(options: SSEClientOptions = {}) {
    const { url = '/api/sse/stream', maxReconnectAttempts, backoff, ...more } = options
    const isLeases = new URL(
      url,
      globalThis.location?.href ?? 'http://localhost',
    ).pathname.endsWith('/leases/stream')
    this.#options = options
    this.#client = createClient({
      ...more,
      url,
      ...(isLeases ? { decode: decodeLeases, channels: [] } : { patch: patchChannels }),
      backoff: {
        baseMs: 1_000,
        ...(maxReconnectAttempts !== undefined && { maxAttempts: maxReconnectAttempts }),
        ...backoff,
      },
      onGap: (gap) => {
        options.onGap?.(gap)
        for (const listener of [...this.#onReset]) listener(gap)
      },
      onError: (error) => this.#fail(error),
    })
    this.#client.onConnectionChange((now, before) => this.#changed(now, before))
  }

  /** Returns the client of the page; options count for the first call. */
  static getInstance(options?: SSEClientOptions): SSEClient {
    shared ??= new SSEClient(options)
    return shared
  }

  /** Follows a channel or pattern, and connects if need be; returns the end of it. */
  subscribe(channel: string, callback: (data: unknown, event: TidingsEvent) => void): () => void {
    if (this.#client.connection.reason === 'manual') this.#client.reconnect()
    const end = this.#client.subscribe(channel, (event) => {
      try {
        callback(event.data, event)
      } finally {
        this.#take(event)
      }
    })
    this.#n++
    let isOver = false
    return () => {
      if (!isOver) this.#n--
      isOver = true
      end()
    }
  }

  /** Connects; when nothing is subscribed, every channel that the stream shows is followed. */
  connect(): void {
    if (this.#n === 0) {
      this.#followAll ??= this.#client.subscribe('**', (event) => this.#take(event))
    }
    const { status, reason } = this.#client.connection
    if (status === 'closed' || reason === 'manual') this.#client.reconnect()
  }

  /** Ends the stream until `connect`, `reconnect` or another `subscribe`. */
  disconnect(): void {
    this.#followAll?.()
    this.#followAll = null
    this.#client.disconnect()
  }

  /** The same as `disconnect`: it never waits. */
  forceDisconnect(): void {
    this.disconnect()
  }

  reconnect(): void {
    this.#client.reconnect()
  }

  /** Ends everything for good. */
  close(): void {
    if (shared === this) shared = null
    this.#client.close()
  }

  isConnected(): boolean {
    return this.#client.isConnected()
  }

  /** Calls back at once with the state as it is, and whenever it changes. */
  onConnectionChange(callback: (isConnected: boolean) => void): () => void {
    callback(this.isConnected())
    return this.#client.onConnectionChange((now, before) => {
      const isConnected = now.status === 'open'
      if (isConnected !== (before.status === 'open')) callback(isConnected)
    })
  }

  /** Calls back whenever the status changes; the object is the same until then. */
  onStatusChange(callback: (status: ConnectionStatus) => void): () => void {
    return this.#client.onConnectionChange(() => callback(this.getConnectionStatus()))
  }

  /** Calls back when events were missed, so that data has to be loaded anew. */
  onReset(callback: (gap: Gap) => void): () => void {
    // A wrapper of its own, so that the same function may listen twice.
    const own = (gap: Gap): void => callback(gap)
    this.#onReset.add(own)
    return () => this.#onReset.delete(own)
  }

  /** Calls back for every arriving event of a type; it follows no channel by itself. */
  addEventListener(
    type: string,
    handler: (data: unknown, event: TidingsEvent) => void,
  ): () => void {
    const own: typeof handler = (data, event) => handler(data, event)
    const handlers = this.#byType.get(type) ?? new Set()
    this.#byType.set(type, handlers.add(own))
    return () => {
      handlers.delete(own)
    }
  }

  getConnectionStatus(): ConnectionStatus {
    const { connection } = this.#client
    return {
      state: stateOf(connection),
      ...(this.#last && { lastEvent: this.#last.data }),
      ...(this.#lastAt && { lastEventTime: this.#lastAt }),
      ...(connection.error && { error: connection.error.message }),
      reconnectAttempts: connection.everConnected
        ? connection.attempt
        : Math.max(0, connection.attempt - 1),
    }
  }

  /** Position of the last event of a logged channel. */
  get lastEventId(): string | null {
    return this.#client.stats().lastEventId
  }

  /** Id of the stream at the server. */
  get requestId(): string | null {
    return this.#client.connection.connectionId
  }

  /** Tells the event to those who watch all; several subscriptions may cover the same one. */
  #take(event: TidingsEvent): void {
    if (event === this.#last) return
    this.#last = event
    this.#lastAt = new Date()
    this.#options.onEvent?.(event.data, event)
    this.onmessage?.(event)
    for (const handler of [...(this.#byType.get(event.type) ?? [])]) handler(event.data, event)
  }

  #fail(error: Error): void {
    if (!this.#options.onError && !this.onerror) console.error(error)
    this.#options.onError?.(error)
    this.onerror?.(error)
  }

  #changed(now: ConnectionSnapshot, before: ConnectionSnapshot): void {
    const [is, was] = [now.status === 'open', before.status === 'open']
    if (is !== was) this.#options.onConnectionChange?.(is)
    if (is && !was) this.onopen?.()
    if (now.error && now.error !== before.error) this.#fail(now.error)
    const isOver = ({ status, reason }: ConnectionSnapshot): boolean =>
      status === 'closed' || reason === 'manual'
    if (isOver(now) && !isOver(before)) this.onclose?.()
  }
}

function stateOf({ status, error, stale }: ConnectionSnapshot): SSEConnectionState {
  switch (status) {
    case 'open':
      return stale ? 'connecting' : 'connected'
    case 'connecting':
    case 'reconnecting':
      return 'connecting'
    case 'idle':
    case 'offline':
      return 'disconnected'
    case 'closed':
      return error ? 'error' : 'disconnected'
    default:
      return unreachable(status)
  }
}

function unreachable(status: never): never {
  throw new Error(`unknown status ${status}`)
}
