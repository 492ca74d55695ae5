/** Events of the DNS channels. */

/** Payload of `dns/status`. */
export interface DnsStatusEvent {
  readonly enabled: boolean
  /** Null while the resolver has never run. */
  readonly server: {
    readonly isRunning: boolean
    readonly port: number
    readonly providers?: readonly string[]
  } | null
  readonly currentNextDnsConfigId?: string | null
}

/** Payload of `dns/info`: settings and the names of drivers, never their contents. */
export interface DnsInfoEvent {
  readonly config?: Readonly<Record<string, unknown>>
  readonly nextdnsConfigId?: string | null
  readonly drivers?: Readonly<Record<string, unknown>>
  readonly timestamp: number
}

interface DnsLogLine<Type extends string> {
  readonly id: string
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly type: Type
  readonly level: 'info' | 'warn' | 'error'
}

/** One step of a query; request and response share the id. */
export interface DnsLogEntry extends DnsLogLine<'request' | 'response' | 'error'> {
  readonly query?: { readonly name: string; readonly type: string; readonly class: string }
  /** The message, decoded. */
  readonly packet?: unknown
  readonly client: {
    readonly address?: string
    readonly port?: number
    readonly transport: 'udp' | 'tcp' | 'doh' | (string & {})
  }
  readonly processing: {
    /** `cache`, `blacklist`, `whitelist` or the name of an upstream. */
    readonly provider?: string
    /** Milliseconds. */
    readonly responseTime?: number
    readonly cached: boolean
    readonly blocked: boolean
    readonly whitelisted: boolean
    readonly success: boolean
    readonly error?: string
  }
}

/** The resolver started, stopped or failed. */
export interface DnsServerLogEntry extends DnsLogLine<'server_event'> {
  readonly eventType: 'started' | 'stopped' | 'crashed' | (string & {})
  readonly message: string
  readonly port?: number
  readonly error?: string
}

/** Payload of `dns/log/event`. */
export type DnsLogPayload = DnsLogEntry | DnsServerLogEntry

/** An answered question, as the query log of `/api/v1/dns/log` has it. */
export interface DnsLoggedQuery {
  /** Its place in the log; grows from entry to entry. */
  readonly id: string
  /** When the question came, RFC 3339 in UTC. */
  readonly at: string
  /** The same in milliseconds since 1970. */
  readonly at_ms: number
  readonly client: string
  readonly transport: 'udp' | 'tcp' | 'tls' | 'https' | (string & {})
  /** Empty for the root, and where names are not kept. */
  readonly name: string
  readonly type: string
  readonly status:
    | 'forwarded'
    | 'cached'
    | 'stale'
    | 'blocked'
    | 'rewritten'
    | 'local'
    | 'refused'
    | 'failed'
    | (string & {})
  readonly rcode: string
  /** The rule that decided; list 0 are the rules of one's own. */
  readonly reason: {
    readonly list: number
    readonly rule: string
    readonly line: number | null
  } | null
  readonly upstream: string | null
  readonly duration_ms: number
  /** The first addresses of the answer. */
  readonly addresses: readonly string[]
  /** Whether an upstream vouches for the answer (DNSSEC). */
  readonly authentic: boolean
}

/** Payload of `dns/log/live/<id>`: what came within a tenth of a second and fits the filter. */
export interface DnsLiveBatch {
  /** Oldest first, at most 100. */
  readonly entries: readonly DnsLoggedQuery[]
  /** How many fitted the filter. */
  readonly matching: number
  /** How many of these are left out here; the log has them. */
  readonly dropped: number
}

/** Payload of `dns/log/`, `dns/cache/`, `dns/blacklist/` and `dns/whitelist/`. */
export interface DnsContentEvent<Entry = unknown> {
  readonly driver: string
  readonly count: number
  /** Milliseconds since 1970. */
  readonly lastUpdated: number
  readonly entries: readonly Entry[]
}

/** Payload types of the DNS channels. */
export interface DnsChannels {
  'dns/status': DnsStatusEvent
  'dns/info': DnsInfoEvent
  'dns/log/event': DnsLogPayload
  /** The channel is the answer of `POST /api/v1/dns/log/live`. */
  [live: `dns/log/live/${string}`]: DnsLiveBatch
  'dns/log/': DnsContentEvent<DnsLogPayload>
  'dns/cache/': DnsContentEvent
  'dns/blacklist/': DnsContentEvent
  'dns/whitelist/': DnsContentEvent
}
