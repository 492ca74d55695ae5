/** Works out what each address of a pool is used for. */

import type { Lease } from '../../lib/leases/lease.ts'
import type { PoolUsage } from '../../lib/leases/pools.ts'

export type CellKind = 'free' | 'leased' | 'reserved' | 'expired' | 'other'

/** Most cells that a strip draws; a larger range has several addresses in a cell. */
const CELLS_MAX = 1024

/** Addresses of a pool, in as many cells as can be drawn. */
export interface PoolCells {
  readonly kinds: readonly CellKind[]
  readonly addressesPerCell: number
  readonly first: number
  readonly counts: Readonly<Record<CellKind, number>>
  /** Leases in the range, by address. */
  readonly leases: readonly Lease[]
  /** Lowest address that nobody holds; null when all are held. */
  readonly nextFree: string | null
}

/** The kind that a cell of several addresses shows: the rarest comes first. */
const RANK: Readonly<Record<CellKind, number>> = {
  other: 4,
  expired: 1,
  reserved: 3,
  leased: 2,
  free: 0,
}

/** Returns the cells of an IPv4 range, null for what cannot be drawn. */
export function poolCells(pool: PoolUsage, leases: Iterable<Lease>): PoolCells | null {
  const first = v4Number(pool.start_ip)
  const last = pool.end_ip === null ? null : v4Number(pool.end_ip)
  if (first === null || last === null || last < first) return null
  const n = last - first + 1
  const addressesPerCell = Math.ceil(n / CELLS_MAX)
  const kinds: CellKind[] = Array.from({ length: Math.ceil(n / addressesPerCell) }, () => 'free')
  const counts = { free: n, leased: 0, reserved: 0, expired: 0, other: 0 }
  const inside: Lease[] = []
  const held = new Set<number>()
  for (const lease of leases) {
    if (lease.wire.kind !== 'v4' || lease.wire.source !== pool.source) continue
    const address = v4Number(lease.wire.ip_address)
    if (address === null || address < first || address > last || held.has(address)) continue
    const kind = kindOf(lease)
    const cell = Math.floor((address - first) / addressesPerCell)
    if (RANK[kind] > RANK[kinds[cell] ?? 'free']) kinds[cell] = kind
    counts[kind] += 1
    counts.free -= 1
    held.add(address)
    inside.push(lease)
  }
  inside.sort((left, right) => (left.addressKey < right.addressKey ? -1 : 1))
  let next = first
  while (held.has(next)) next += 1
  const nextFree = next > last ? null : v4Text(next)
  return { kinds, addressesPerCell, first, counts, leases: inside, nextFree }
}

function kindOf({ wire }: Lease): CellKind {
  if (wire.state === 'declined') return 'other'
  if (wire.is_static) return 'reserved'
  return wire.is_active ? 'leased' : 'expired'
}

export function v4Number(address: string): number | null {
  const octets = address.split('.').map(Number)
  if (octets.length !== 4 || octets.some((octet) => !(octet >= 0 && octet <= 255))) return null
  return octets.reduce((number, octet) => number * 256 + octet, 0)
}

export function v4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.')
}
