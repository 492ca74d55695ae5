/** Turns what the URL asks for into an order and a filter of leases. */

import { isExpiring, type Lease, type LeaseStatus, statusOf } from '../../lib/leases/lease.ts'
import type { Arrangement } from '../../lib/live/liveView.ts'
import type { SortKey } from '../../lib/live/sortedIndex.ts'
import { naturalKey } from '../../lib/live/sortKeys.ts'
import type { Facet, LeaseSort, LeasesSearch, SortField } from './leasesSearch.ts'

const STATUS_ORDER: Readonly<Record<LeaseStatus, number>> = { static: 0, active: 1, expired: 2 }

/** Leases of the same key follow each other by address. */
const KEYS: Readonly<Record<SortField, (lease: Lease) => SortKey>> = {
  ip_address: (lease) => lease.addressKey,
  mac_address: (lease) => lease.wire.mac_address ?? null,
  hostname: (lease) => naturalKey(lease.wire.hostname),
  vendor: (lease) => naturalKey(lease.wire.vendor),
  lease_time: (lease) => (lease.wire.infinite ? Number.MAX_SAFE_INTEGER : lease.endsAtMs),
  is_active: (lease) => STATUS_ORDER[statusOf(lease)],
  is_static: (lease) => (lease.wire.is_static ? 0 : 1),
  pool_name: (lease) => naturalKey(lease.wire.pool_name),
  source: (lease) => naturalKey(lease.wire.source),
  state: (lease) => lease.wire.state,
}

const FACET_TESTS: Readonly<Record<Facet, (lease: Lease) => boolean>> = {
  active: (lease) => statusOf(lease) === 'active',
  static: (lease) => lease.wire.is_static,
  expired: (lease) => statusOf(lease) === 'expired',
  expiring: (lease) => isExpiring(lease, Date.now()),
  unnamed: (lease) => !lease.wire.hostname,
}

/** Returns the filter that a search asks for; null shows all. */
export function leaseFilter(search: LeasesSearch): ((lease: Lease) => boolean) | null {
  const wanted = search.q?.trim().toLowerCase() ?? ''
  const tests = (search.is ?? []).map((facet) => FACET_TESTS[facet])
  const { pool, vendor } = search
  if (wanted === '' && tests.length === 0 && !pool && !vendor) return null
  return (lease) =>
    (wanted === '' || lease.searchText.includes(wanted)) &&
    (tests.length === 0 || tests.some((test) => test(lease))) &&
    (!pool || lease.wire.pool_name === pool) &&
    (!vendor || lease.wire.vendor === vendor)
}

export function arrangeLeases(search: LeasesSearch, sort: LeaseSort): Arrangement<Lease> {
  return {
    key: KEYS[sort?.field ?? 'ip_address'],
    direction: sort?.direction ?? 'asc',
    filter: leaseFilter(search),
  }
}
