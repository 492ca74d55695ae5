/** Keeps ids in the order of their sort keys while single rows come, change and go. */

/** What a row is sorted by; null stands last in both directions. */
export type SortKey = string | number | null

export type SortDirection = 'asc' | 'desc'

/** An id at its place. */
export interface Entry {
  readonly id: string
  readonly key: SortKey
}

/**
 * A sorted list of ids.
 *
 * An insert or removal costs a binary search and one move of the array's tail; a whole sort happens
 * only in `fill`, when a person chooses another order or filter.
 */
export interface SortedIndex {
  /** The ids in order; the array is changed in place by every other method. */
  readonly entries: readonly Entry[]
  has(id: string): boolean
  /** Returns where the id stands, -1 when it does not. */
  indexOf(id: string): number
  /** Puts an id at the place of its key and returns whether anything moved. */
  put(id: string, key: SortKey): boolean
  /** Takes an id out and returns whether it was there. */
  take(id: string): boolean
  /** Replaces everything and sorts once. */
  fill(entries: Entry[], direction: SortDirection): void
}

export function createSortedIndex(): SortedIndex {
  let entries: Entry[] = []
  let byId = new Map<string, Entry>()
  let sign = 1

  function compare(left: Entry, right: Entry): number {
    if (left.key !== right.key) {
      if (left.key === null) return 1
      if (right.key === null) return -1
      if (left.key < right.key) return -sign
      if (left.key > right.key) return sign
    }
    if (left.id === right.id) return 0
    return left.id < right.id ? -1 : 1
  }

  /** Returns the first place whose entry is not before `entry`. */
  function placeOf(entry: Entry): number {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const found = entries[middle]
      if (found && compare(found, entry) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  function take(id: string): boolean {
    const entry = byId.get(id)
    if (!entry) return false
    entries.splice(placeOf(entry), 1)
    byId.delete(id)
    return true
  }

  return {
    get entries() {
      return entries
    },
    has: (id) => byId.has(id),
    indexOf(id) {
      const entry = byId.get(id)
      return entry ? placeOf(entry) : -1
    },
    put(id, key) {
      const before = byId.get(id)
      if (before && before.key === key) return false
      const entry = { id, key }
      const from = before ? placeOf(before) : -1
      if (before) entries.splice(from, 1)
      const to = placeOf(entry)
      entries.splice(to, 0, entry)
      byId.set(id, entry)
      return from !== to
    },
    take,
    fill(filled, direction) {
      sign = direction === 'asc' ? 1 : -1
      entries = filled.sort(compare)
      byId = new Map(filled.map((entry) => [entry.id, entry]))
    },
  }
}
