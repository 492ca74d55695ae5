/** The query log as this page holds it: what comes live, and what was asked for of the past. */

import type { DnsLoggedQuery } from 'tidings'
import type { LiveCollection, RowChange } from '../live/collection.ts'
import type { FlashKind } from '../live/flashes.ts'

/** Entries that are kept while the newest are looked at; the oldest go. */
export const KEPT_MAX = 5_000
/** Entries that are kept while somebody reads further down, where nothing may go. */
export const HELD_MAX = 20_000
/** Entries that go at once at most, so that making room is never felt. */
const TRIM_MAX = 500

/** A line of the log: one entry, or equal questions under their newest. */
export interface LogRow {
  readonly id: string
  /** Grows with time. */
  readonly place: number
  readonly entry: DnsLoggedQuery
  /** How many questions the line stands for. */
  readonly n: number
}

export interface QueryLog extends LiveCollection<LogRow> {
  /** Takes what came just now; returns how many found no room. */
  addLive(entries: readonly DnsLoggedQuery[]): number
  /** Takes a page of what is older than everything held. */
  addOlder(entries: readonly DnsLoggedQuery[]): void
  /**
   * Takes the newest page after a break; what is held stays if the page reaches it.
   *
   * Returns whether it did: otherwise everything older was dropped, to be asked for again.
   */
  addNewest(entries: readonly DnsLoggedQuery[]): boolean
  /** Makes the held entries those of the newest page. */
  replace(entries: readonly DnsLoggedQuery[]): void
  /** Keeps what is old for as long as somebody reads it. */
  hold(isHeld: boolean): void
  /** Returns whether anything was dropped to make room since this was asked last. */
  hasTrimmed(): boolean
  /** Returns the oldest entry, from which on the past is asked for. */
  oldestId(): string | null
}

export function createQueryLog(): QueryLog {
  const rows = new Map<string, LogRow>()
  const listeners = new Set<(changes: readonly RowChange<LogRow>[]) => void>()
  /** Ids from the oldest on. */
  let ids: string[] = []
  let isHeld = false
  let wasTrimmed = false

  /** Marks what is newer than `markedFrom`. */
  function put(entries: readonly DnsLoggedQuery[], markedFrom: number): RowChange<LogRow>[] {
    const changes: RowChange<LogRow>[] = []
    for (const entry of entries) {
      if (rows.has(entry.id)) continue
      const row = { id: entry.id, place: Number(entry.id), entry, n: 1 }
      const flash: FlashKind | null = row.place > markedFrom ? 'added' : null
      rows.set(row.id, row)
      changes.push({ id: row.id, row, previous: null, flash })
    }
    return changes
  }

  function drop(n: number): RowChange<LogRow>[] {
    return ids.splice(0, n).map((id) => {
      const previous = rows.get(id) ?? null
      rows.delete(id)
      return { id, row: null, previous, flash: null }
    })
  }

  function trim(): RowChange<LogRow>[] {
    const excess = ids.length - KEPT_MAX
    if (isHeld || excess <= 0) return []
    wasTrimmed = true
    return drop(Math.min(excess, TRIM_MAX))
  }

  function tell(changes: readonly RowChange<LogRow>[]): void {
    if (changes.length === 0) return
    for (const listener of listeners) listener(changes)
  }

  return {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    addLive(entries) {
      const room = Math.max(0, HELD_MAX - ids.length)
      const changes = put(entries.slice(0, room), 0)
      for (const { id } of changes) ids.push(id)
      tell([...changes, ...trim()])
      return Math.max(0, entries.length - room)
    },
    addOlder(entries) {
      const changes = put(entries, Number.POSITIVE_INFINITY)
      ids = [...changes.map(({ id }) => id).sort(byPlace), ...ids]
      tell(changes)
    },
    addNewest(entries) {
      const isReached = ids.length === 0 || entries.some(({ id }) => rows.has(id))
      const newest = ids.at(-1)
      const gone = isReached ? [] : drop(ids.length)
      // What an answer brings at the start is no news.
      const changes = put(entries, newest === undefined ? Number.POSITIVE_INFINITY : Number(newest))
      ids = [...ids, ...changes.map(({ id }) => id)].sort(byPlace)
      tell([...gone, ...changes, ...trim()])
      return isReached
    },
    replace(entries) {
      const kept = new Set(entries.map(({ id }) => id))
      const gone = ids.filter((id) => !kept.has(id))
      const changes = gone.map((id): RowChange<LogRow> => {
        const previous = rows.get(id) ?? null
        rows.delete(id)
        return { id, row: null, previous, flash: null }
      })
      changes.push(...put(entries, Number.POSITIVE_INFINITY))
      ids = [...kept].sort(byPlace)
      tell(changes)
    },
    hold(held) {
      isHeld = held
    },
    hasTrimmed() {
      const was = wasTrimmed
      wasTrimmed = false
      return was
    },
    oldestId: () => ids[0] ?? null,
  }
}

function byPlace(left: string, right: string): number {
  return Number(left) - Number(right)
}
