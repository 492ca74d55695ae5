/** Entry `tidings/schemas`: Standard Schemas of every built-in payload. Members they do not know are kept. */
import type { StandardSchemaV1 } from './api.js'
import type {
  DnsContentEvent,
  DnsInfoEvent,
  DnsLiveBatch,
  DnsLogPayload,
  DnsStatusEvent,
} from './dnsEvents.js'
import type {
  DataChangedEvent,
  DhcpStatusEvent,
  HeartbeatEvent,
  Lease,
  LeaseAddedEvent,
  LeaseChangesPayload,
  LeaseExpiredEvent,
  LeaseRemovedEvent,
  LeaseRenewedEvent,
  LeasesChangedEvent,
  LeaseUpdatedEvent,
  PoolsEvent,
  PoolUsage,
  SnapshotEvent,
  SSEEvent,
  TestEvent,
  VersionEvent,
} from './events.js'

/** Tells what is wrong with a value, with its path, or null. */
type Check = (value: unknown, path: string) => string | null

const ofType =
  (type: 'string' | 'number' | 'boolean'): Check =>
  (value, path) =>
    typeof value === type ? null : `${path}: not a ${type}`
const text = ofType('string')
const number = ofType('number')
const flag = ofType('boolean')

const is =
  (expected: string): Check =>
  (value, path) =>
    value === expected ? null : `${path}: not ${expected}`

/** May also be null or missing: the server leaves some members out where others are null. */
const maybe =
  (check: Check): Check =>
  (value, path) =>
    value === null || value === undefined ? null : check(value, path)

const listOf =
  (check: Check): Check =>
  (value, path) => {
    if (!Array.isArray(value)) return `${path}: not a list`
    for (const [i, item] of value.entries()) {
      const problem = check(item, `${path}[${i}]`)
      if (problem) return problem
    }
    return null
  }

const shape =
  (members: Record<string, Check>): Check =>
  (value, path) => {
    if (typeof value !== 'object' || value === null) return `${path}: not an object`
    for (const [name, check] of Object.entries(members)) {
      // The cast claims only that members can be looked at.
      const problem = check((value as Record<string, unknown>)[name], `${path}.${name}`)
      if (problem) return problem
    }
    return null
  }

const oneOf =
  (...checks: Check[]): Check =>
  (value, path) => {
    const problems = checks.map((check) => check(value, path))
    return problems.includes(null) ? null : `${path}: ${problems.join('; or ')}`
  }

/** Makes the schema; the check is the proof of the type that the caller names. */
function schemaOf<Payload>(check: Check): StandardSchemaV1<unknown, Payload> {
  return {
    '~standard': {
      version: 1,
      vendor: 'tidings',
      validate(value) {
        const message = check(value, 'data')
        return message === null ? { value: value as Payload } : { issues: [{ message }] }
      },
    },
  }
}

const lease = shape({
  ip_address: text,
  mac_address: maybe(text),
  hostname: maybe(text),
  lease_time: text,
  client_id: maybe(text),
  is_active: flag,
  is_static: flag,
  pool_name: maybe(text),
  vendor: maybe(text),
  vendor_class: maybe(text),
  hwtype: maybe(number),
  expires: maybe(text),
  infinite: flag,
  state: text,
  kind: text,
  prefix_len: maybe(number),
  duid: maybe(text),
  iaid: maybe(number),
  source: text,
  is_simulated: flag,
})

const change = (eventType: string, changeType: string): Check =>
  shape({
    event_type: is(eventType),
    change_type: is(changeType),
    lease,
    previous: maybe(lease),
    changed: maybe(listOf(text)),
    timestamp: text,
    version: number,
  })

const poolUsage = shape({
  pool_name: text,
  start_ip: text,
  end_ip: maybe(text),
  netmask: maybe(text),
  lease_duration: maybe(number),
  total_addresses: number,
  used_addresses: number,
  available_addresses: number,
  usage_percentage: number,
  mode: text,
  family: number,
  source: text,
  note: maybe(text),
})

const dataChanged = shape({
  event_type: is('data_changed'),
  timestamp: text,
  version: number,
  source: text,
})
const counts = shape({
  added: number,
  updated: number,
  renewed: number,
  removed: number,
  expired: number,
})
const leasesChanged = shape({ counts, timestamp: text, version: number })
const snapshot = shape({
  event_type: is('snapshot'),
  leases: number,
  timestamp: text,
  version: number,
})
const added = change('lease_added', 'added')
const updated = change('lease_updated', 'updated')
const renewed = change('lease_renewed', 'renewed')
const removed = change('lease_removed', 'removed')
const expired = change('lease_expired', 'expired')
const leaseChanges = oneOf(added, updated, renewed, removed, expired, leasesChanged, snapshot)
const source = shape({
  id: text,
  format: text,
  path: text,
  health: text,
  stale: flag,
  reason: maybe(text),
  read_at: maybe(text),
  changed_at: maybe(text),
  detected_by: maybe(text),
  read_retries: number,
  leases: number,
  problems_total: number,
})

export const leaseSchema: StandardSchemaV1<unknown, Lease> = schemaOf(lease)
export const leasesSchema: StandardSchemaV1<unknown, Lease[]> = schemaOf(listOf(lease))
export const poolUsageSchema: StandardSchemaV1<unknown, PoolUsage> = schemaOf(poolUsage)
export const dataChangedSchema: StandardSchemaV1<unknown, DataChangedEvent> = schemaOf(dataChanged)
export const leaseAddedSchema: StandardSchemaV1<unknown, LeaseAddedEvent> = schemaOf(added)
export const leaseUpdatedSchema: StandardSchemaV1<unknown, LeaseUpdatedEvent> = schemaOf(updated)
export const leaseRenewedSchema: StandardSchemaV1<unknown, LeaseRenewedEvent> = schemaOf(renewed)
export const leaseRemovedSchema: StandardSchemaV1<unknown, LeaseRemovedEvent> = schemaOf(removed)
export const leaseExpiredSchema: StandardSchemaV1<unknown, LeaseExpiredEvent> = schemaOf(expired)
export const leasesChangedSchema: StandardSchemaV1<unknown, LeasesChangedEvent> =
  schemaOf(leasesChanged)
export const snapshotSchema: StandardSchemaV1<unknown, SnapshotEvent> = schemaOf(snapshot)
export const leaseChangesSchema: StandardSchemaV1<unknown, LeaseChangesPayload> =
  schemaOf(leaseChanges)
export const sseEventSchema: StandardSchemaV1<unknown, SSEEvent> = schemaOf(
  oneOf(dataChanged, leaseChanges),
)
export const poolsSchema: StandardSchemaV1<unknown, PoolsEvent> = schemaOf(
  shape({ pools: listOf(poolUsage), version: number }),
)
export const dhcpStatusSchema: StandardSchemaV1<unknown, DhcpStatusEvent> = schemaOf(
  shape({ sources: listOf(source), stale: flag, timestamp: text, version: number }),
)
export const versionSchema: StandardSchemaV1<unknown, VersionEvent> = schemaOf(
  shape({ version: text, dashboard: maybe(text) }),
)
export const heartbeatSchema: StandardSchemaV1<unknown, HeartbeatEvent> = schemaOf(
  shape({ timestamp: number, status: maybe(text), active_connections: number }),
)
export const testSchema: StandardSchemaV1<unknown, TestEvent> = schemaOf(
  shape({ message: text, timestamp: text }),
)

const logLine = { id: text, timestamp: number, level: text }
const queryEntry = shape({
  ...logLine,
  type: oneOf(is('request'), is('response'), is('error')),
  query: maybe(shape({ name: text, type: text, class: text })),
  client: shape({ address: maybe(text), port: maybe(number), transport: text }),
  processing: shape({
    provider: maybe(text),
    responseTime: maybe(number),
    cached: flag,
    blocked: flag,
    whitelisted: flag,
    success: flag,
    error: maybe(text),
  }),
})
const serverEntry = shape({
  ...logLine,
  type: is('server_event'),
  eventType: text,
  message: text,
  port: maybe(number),
  error: maybe(text),
})
const logEntry = oneOf(queryEntry, serverEntry)
const liveBatch = shape({
  entries: listOf(
    shape({
      id: text,
      at: text,
      at_ms: number,
      client: text,
      transport: text,
      name: text,
      type: text,
      status: text,
      rcode: text,
      reason: maybe(shape({ list: number, rule: text, line: maybe(number) })),
      upstream: maybe(text),
      duration_ms: number,
      addresses: listOf(text),
      authentic: flag,
    }),
  ),
  matching: number,
  dropped: number,
})
const content = (entry: Check): Check =>
  shape({ driver: text, count: number, lastUpdated: number, entries: listOf(entry) })

export const dnsStatusSchema: StandardSchemaV1<unknown, DnsStatusEvent> = schemaOf(
  shape({
    enabled: flag,
    server: maybe(shape({ isRunning: flag, port: number, providers: maybe(listOf(text)) })),
    currentNextDnsConfigId: maybe(text),
  }),
)
export const dnsInfoSchema: StandardSchemaV1<unknown, DnsInfoEvent> = schemaOf(
  shape({
    config: maybe(shape({})),
    nextdnsConfigId: maybe(text),
    drivers: maybe(shape({})),
    timestamp: number,
  }),
)
export const dnsLogEntrySchema: StandardSchemaV1<unknown, DnsLogPayload> = schemaOf(logEntry)
/** Of `dns/log/live/<id>`, whose name nobody knows beforehand: give it as `schema` of the subscription. */
export const dnsLiveBatchSchema: StandardSchemaV1<unknown, DnsLiveBatch> = schemaOf(liveBatch)
export const dnsLogSchema: StandardSchemaV1<unknown, DnsContentEvent<DnsLogPayload>> = schemaOf(
  content(logEntry),
)
/** Entries of the cache and of lists differ by driver, so they are not looked at. */
export const dnsContentSchema: StandardSchemaV1<unknown, DnsContentEvent> = schemaOf(
  content(() => null),
)

/** Schemas by channel; give them as `schemas` of a client, alone or with your own. */
export const builtInSchemas: {
  readonly 'dhcp/leases': StandardSchemaV1<unknown, DataChangedEvent>
  readonly 'dhcp/leases/changes': StandardSchemaV1<unknown, LeaseChangesPayload>
  readonly 'dhcp/pools': StandardSchemaV1<unknown, PoolsEvent>
  readonly 'dhcp/status': StandardSchemaV1<unknown, DhcpStatusEvent>
  readonly 'system/heartbeat': StandardSchemaV1<unknown, HeartbeatEvent>
  readonly 'system/test': StandardSchemaV1<unknown, TestEvent>
  readonly version: StandardSchemaV1<unknown, VersionEvent>
  readonly 'dns/status': StandardSchemaV1<unknown, DnsStatusEvent>
  readonly 'dns/info': StandardSchemaV1<unknown, DnsInfoEvent>
  readonly 'dns/log/event': StandardSchemaV1<unknown, DnsLogPayload>
  readonly 'dns/log/': StandardSchemaV1<unknown, DnsContentEvent<DnsLogPayload>>
  readonly 'dns/cache/': StandardSchemaV1<unknown, DnsContentEvent>
  readonly 'dns/blacklist/': StandardSchemaV1<unknown, DnsContentEvent>
  readonly 'dns/whitelist/': StandardSchemaV1<unknown, DnsContentEvent>
} = {
  'dhcp/leases': dataChangedSchema,
  'dhcp/leases/changes': leaseChangesSchema,
  'dhcp/pools': poolsSchema,
  'dhcp/status': dhcpStatusSchema,
  'system/heartbeat': heartbeatSchema,
  'system/test': testSchema,
  version: versionSchema,
  'dns/status': dnsStatusSchema,
  'dns/info': dnsInfoSchema,
  'dns/log/event': dnsLogEntrySchema,
  'dns/log/': dnsLogSchema,
  'dns/cache/': dnsContentSchema,
  'dns/blacklist/': dnsContentSchema,
  'dns/whitelist/': dnsContentSchema,
}
