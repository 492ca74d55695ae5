/** Holds the leases by id and tells what changes, whether by single events or as a whole. */

import type { LiveCollection, RowChange } from '../live/collection.ts'
import type { FlashKind } from '../live/flashes.ts'
import { isRenewal, isSameLease, type Lease } from './lease.ts'

/** One change as an event tells it. */
export interface LeaseChange {
  readonly id: string
  /** Null when the lease is gone. */
  readonly lease: Lease | null
  readonly flash: FlashKind | null
  readonly version: number
}

export interface LeaseRows extends LiveCollection<Lease> {
  apply(changes: readonly LeaseChange[]): void
  /** Makes the held leases those of a snapshot; marks the differences if `isMarked`. */
  replace(leases: readonly Lease[], isMarked: boolean): void
}

export function createLeaseRows(): LeaseRows {
  const rows = new Map<string, Lease>()
  const listeners = new Set<(changes: readonly RowChange<Lease>[]) => void>()

  function tell(changes: readonly RowChange<Lease>[]): void {
    if (changes.length === 0) return
    for (const listener of listeners) listener(changes)
  }

  return {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    apply(changes) {
      const told: RowChange<Lease>[] = []
      for (const { id, lease, flash } of changes) {
        const previous = rows.get(id) ?? null
        if (lease === null && previous === null) continue
        if (lease === null) rows.delete(id)
        else rows.set(id, lease)
        told.push({ id, row: lease, previous, flash })
      }
      tell(told)
    },
    replace(leases, isMarked) {
      const told: RowChange<Lease>[] = []
      const mark = (flash: FlashKind): FlashKind | null => (isMarked ? flash : null)
      const ids = new Set<string>()
      for (const lease of leases) {
        ids.add(lease.id)
        const previous = rows.get(lease.id) ?? null
        if (previous !== null && isSameLease(previous, lease)) continue
        rows.set(lease.id, lease)
        const isQuiet = previous !== null && isRenewal(previous, lease)
        const flash = isQuiet ? null : mark(previous === null ? 'added' : 'updated')
        told.push({ id: lease.id, row: lease, previous, flash })
      }
      for (const [id, previous] of rows) {
        if (ids.has(id)) continue
        rows.delete(id)
        told.push({ id, row: null, previous, flash: mark('removed') })
      }
      tell(told)
    },
  }
}
