/** Events of the built-in channels: their types, guards, and what changed in a lease. */
import type { DnsChannels } from './dnsEvents.js'

/** A DHCP lease as REST and events hold it. */
export interface Lease {
  readonly ip_address: string
  readonly mac_address: string | null
  readonly hostname: string | null
  /** End of the lease, UTC; `1970-01-01T00:00:00Z` when there is none: see `expires`. */
  readonly lease_time: string
  readonly client_id: string | null
  readonly is_active: boolean
  readonly is_static: boolean
  readonly pool_name: string | null
  readonly vendor: string | null
  readonly vendor_class?: string | null
  readonly hwtype?: number | null
  /** End of the lease, UTC; null when it is infinite or unknown. */
  readonly expires?: string | null
  readonly infinite: boolean
  readonly state: string
  readonly kind: string
  readonly prefix_len?: number | null
  readonly duid?: string | null
  readonly iaid?: number | null
  readonly source: string
  readonly is_simulated: boolean
}

/** What caused `data_changed`. */
export type ChangeSource =
  | 'start'
  | 'file'
  | 'notify'
  | 'watch'
  | 'expiry'
  | 'config'
  | 'simulated'
  | (string & {})

/** `GET /api/v1/leases` answers with something newer. */
export interface DataChangedEvent {
  readonly event_type: 'data_changed'
  readonly timestamp: string
  /** Version of the leases, as the header `x-tidings-version` of REST tells it. */
  readonly version: number
  readonly source: ChangeSource
}

interface LeaseChange<EventType extends string, ChangeType extends string> {
  readonly event_type: EventType
  readonly change_type: ChangeType
  readonly lease: Lease
  readonly timestamp: string
  readonly version: number
}

interface LeaseEdit<EventType extends string, ChangeType extends string>
  extends LeaseChange<EventType, ChangeType> {
  readonly previous?: Lease
  readonly changed?: readonly string[]
}

/** A lease that was not there. */
export interface LeaseAddedEvent extends LeaseChange<'lease_added', 'added'> {}
/** Something that a person sees changed. */
export interface LeaseUpdatedEvent extends LeaseEdit<'lease_updated', 'updated'> {}
/** The end of the lease moved later. */
export interface LeaseRenewedEvent extends LeaseEdit<'lease_renewed', 'renewed'> {}
/** The lease ended early. */
export interface LeaseRemovedEvent extends LeaseChange<'lease_removed', 'removed'> {}
/** The lease reached its end. */
export interface LeaseExpiredEvent extends LeaseChange<'lease_expired', 'expired'> {}

/** Too many changes at once to tell one by one: load anew. */
export interface LeasesChangedEvent {
  readonly counts: {
    readonly added: number
    readonly updated: number
    readonly renewed: number
    readonly removed: number
    readonly expired: number
  }
  readonly timestamp: string
  readonly version: number
}

/** A source was read for the first time, and what happened before is not known: load anew. */
export interface SnapshotEvent {
  readonly event_type: 'snapshot'
  readonly leases: number
  readonly timestamp: string
  readonly version: number
}

/** Any change of one lease. */
export type LeaseEvent =
  | LeaseAddedEvent
  | LeaseUpdatedEvent
  | LeaseRenewedEvent
  | LeaseRemovedEvent
  | LeaseExpiredEvent

/** Payloads of `dhcp/leases/changes`. */
export type LeaseChangesPayload = LeaseEvent | LeasesChangedEvent | SnapshotEvent

/** Any payload of the lease stream. */
export type SSEEvent = DataChangedEvent | LeaseChangesPayload

/** Usage of a pool. */
export interface PoolUsage {
  readonly pool_name: string
  readonly start_ip: string
  readonly end_ip?: string | null
  readonly netmask?: string | null
  readonly lease_duration?: number | null
  readonly total_addresses: number
  readonly used_addresses: number
  readonly available_addresses: number
  readonly usage_percentage: number
  readonly mode: string
  readonly family: number
  readonly source: string
  readonly note?: string | null
}

/** Payload of `dhcp/pools`. */
export interface PoolsEvent {
  readonly pools: readonly PoolUsage[]
  readonly version: number
}

/** Health of a source of leases. */
export interface SourceHealth {
  readonly id: string
  readonly format: string
  readonly path: string
  readonly health: string
  readonly stale: boolean
  readonly reason?: string | null
  readonly read_at?: string | null
  readonly changed_at?: string | null
  readonly detected_by?: string | null
  readonly read_retries: number
  readonly leases: number
  readonly problems_total: number
}

/** Payload of `dhcp/status`. */
export interface DhcpStatusEvent {
  readonly sources: readonly SourceHealth[]
  readonly stale: boolean
  readonly timestamp: string
  readonly version: number
}

/** Payload of `version`. */
export interface VersionEvent {
  readonly version: string
  /** Build of the dashboard in the server; null when it has none. */
  readonly dashboard?: string | null
}

/** Payload of `system/heartbeat`. */
export interface HeartbeatEvent {
  readonly timestamp: number
  readonly status?: string
  readonly active_connections: number
}

/** Payload of `system/test`. */
export interface TestEvent {
  readonly message: string
  readonly timestamp: string
}

/** Payload types of the built-in channels. */
export interface BuiltInChannels extends DnsChannels {
  'dhcp/leases': DataChangedEvent
  'dhcp/leases/changes': LeaseChangesPayload
  'dhcp/pools': PoolsEvent
  'dhcp/status': DhcpStatusEvent
  'system/heartbeat': HeartbeatEvent
  'system/test': TestEvent
  version: VersionEvent
}

/** The connection in the words of the earlier systems. */
export type SSEConnectionState = 'connecting' | 'connected' | 'disconnected' | 'error'

function hasType(value: unknown, eventType: string): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    // The cast only lets the member be looked at; it may be anything.
    (value as { event_type?: unknown }).event_type === eventType
  )
}

export function isDataChanged(value: unknown): value is DataChangedEvent {
  return hasType(value, 'data_changed')
}
export function isLeaseAdded(value: unknown): value is LeaseAddedEvent {
  return hasType(value, 'lease_added')
}
export function isLeaseUpdated(value: unknown): value is LeaseUpdatedEvent {
  return hasType(value, 'lease_updated')
}
export function isLeaseRenewed(value: unknown): value is LeaseRenewedEvent {
  return hasType(value, 'lease_renewed')
}
export function isLeaseRemoved(value: unknown): value is LeaseRemovedEvent {
  return hasType(value, 'lease_removed')
}
export function isLeaseExpired(value: unknown): value is LeaseExpiredEvent {
  return hasType(value, 'lease_expired')
}
/** Whether it is the change of one lease. */
export function isLeaseEvent(value: unknown): value is LeaseEvent {
  // The cast only lets the members be looked at; they may be anything.
  const event = value as { lease?: unknown; change_type?: unknown } | null
  return (
    typeof event === 'object' &&
    typeof event?.lease === 'object' &&
    event.lease !== null &&
    typeof event.change_type === 'string'
  )
}
/** Whether it stands for many changes, so that the leases have to be loaded anew. */
export function isReload(value: unknown): value is LeasesChangedEvent | SnapshotEvent {
  return (
    hasType(value, 'snapshot') ||
    (typeof value === 'object' && value !== null && 'counts' in value && !('lease' in value))
  )
}

/** Returns the fields in which two leases differ; `changed` of an event is the same list. */
export function changedFields(before: Lease, after: Lease): (keyof Lease)[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  // The names are those of two leases; a field that only one has counts as null in the other.
  return ([...names] as (keyof Lease)[]).filter(
    (name) => (before[name] ?? null) !== (after[name] ?? null),
  )
}
