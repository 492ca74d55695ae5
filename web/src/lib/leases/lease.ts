/** A lease as the server sends it, checked once at the boundary, and what can be told from it. */

import * as z from 'zod/mini'
import type { components } from '../../generated/api.ts'
import { addressKey } from '../live/sortKeys.ts'

/** A lease as the OpenAPI document describes it. */
export type WireLease = components['schemas']['DhcpLease']

const text = z._default(z.nullable(z.string()), null)
const number = z._default(z.nullable(z.number()), null)

const wireLease = z.object({
  ip_address: z.string(),
  mac_address: text,
  hostname: text,
  lease_time: z.string(),
  client_id: text,
  is_active: z.boolean(),
  is_static: z.boolean(),
  pool_name: text,
  vendor: text,
  expires: text,
  infinite: z.boolean(),
  state: z.string(),
  kind: z.string(),
  prefix_len: number,
  hwtype: number,
  duid: text,
  iaid: number,
  vendor_class: text,
  source: z.string(),
  is_simulated: z.boolean(),
})

const wireLeases = z.array(wireLease)

const FIELDS = Object.keys(wireLease.shape) as readonly (keyof WireLease)[]

/** A lease with what tables need of it worked out once. */
export interface Lease {
  /** Source, kind and address: what stays the same while anything else changes. */
  readonly id: string
  readonly wire: WireLease
  /** End in milliseconds; null when it never ends or the end is unknown. */
  readonly endsAtMs: number | null
  /** Everything that search looks at, in lower case. */
  readonly searchText: string
  readonly addressKey: string
}

/** What the contract calls the status of a lease. */
export type LeaseStatus = 'static' | 'active' | 'expired'

export function parseLeases(value: unknown): Lease[] {
  return wireLeases.parse(value).map(makeLease)
}

export function parseLease(value: unknown): Lease {
  return makeLease(wireLease.parse(value))
}

/** Returns whether `value` is fit for `parseLease`. */
export const leaseSchema = wireLease

export function makeLease(wire: WireLease): Lease {
  const status = statusOfWire(wire)
  return {
    id: `${wire.source}/${wire.kind}/${wire.ip_address}`,
    wire,
    endsAtMs: wire.expires ? Date.parse(wire.expires) : null,
    searchText: [
      wire.ip_address,
      wire.mac_address,
      wire.hostname ?? 'unknown',
      wire.vendor ?? 'unknown',
      status,
      wire.pool_name,
      wire.client_id,
      wire.duid,
    ]
      .filter(Boolean)
      .join('\n')
      .toLowerCase(),
    addressKey: addressKey(wire.ip_address),
  }
}

export function statusOf(lease: Lease): LeaseStatus {
  return statusOfWire(lease.wire)
}

function statusOfWire(wire: WireLease): LeaseStatus {
  if (wire.is_static) return 'static'
  return wire.is_active ? 'active' : 'expired'
}

/** Returns whether a lease ends within ten minutes. */
export function isExpiring(lease: Lease, nowMs: number): boolean {
  const { endsAtMs } = lease
  return endsAtMs !== null && endsAtMs > nowMs && endsAtMs - nowMs < EXPIRING_MS
}

const EXPIRING_MS = 10 * 60_000

/** Returns whether two leases with the same id say the same. */
export function isSameLease(left: Lease, right: Lease): boolean {
  return FIELDS.every((field) => isSameField(left, right, field))
}

/** Returns whether `after` is `before` with a later end and nothing else: nobody needs to see it. */
export function isRenewal(before: Lease, after: Lease): boolean {
  return FIELDS.every(
    (field) => field === 'lease_time' || field === 'expires' || isSameField(before, after, field),
  )
}

function isSameField(left: Lease, right: Lease, field: keyof WireLease): boolean {
  return (left.wire[field] ?? null) === (right.wire[field] ?? null)
}

/** Writes a hardware address the way the contract shows it. */
export function macText(lease: Lease): string | null {
  return lease.wire.mac_address?.toUpperCase() ?? null
}
