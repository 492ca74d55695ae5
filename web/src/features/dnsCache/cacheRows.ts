/** Cached answers as rows of a table: their place in the server's order and when they end. */

import type { CacheEntry, CachePage } from './cacheQuery.ts'

/** The end that two looks tell of one answer differs by rounding and travel. */
const END_JITTER_MS = 1500

export interface CacheRow extends CacheEntry {
  readonly id: string
  /** Place in the server's order. */
  readonly place: number
  /** When the time to live ends. */
  readonly endsAtMs: number
}

/** Returns the rows of all pages; `before` are those of the last look, whose ends stay as they were. */
export function cacheRows(
  pages: readonly CachePage[],
  before: ReadonlyMap<string, CacheRow>,
): readonly CacheRow[] {
  const rows = new Map<string, CacheRow>()
  for (const { entries, askedAtMs } of pages) {
    for (const entry of entries) {
      const id = freeId(`${entry.name} ${entry.type}`, rows)
      const told = askedAtMs + entry.ttl * 1000
      const held = before.get(id)?.endsAtMs ?? told
      const endsAtMs = Math.abs(held - told) <= END_JITTER_MS ? held : told
      // The time left is what `endsAtMs` says; as it is told it would differ with every look.
      rows.set(id, { ...entry, ttl: entry.ttl_initial, id, place: rows.size, endsAtMs })
    }
  }
  return [...rows.values()]
}

/** An answer with DNSSEC records has the name and type of the one without. */
function freeId(wanted: string, taken: ReadonlyMap<string, CacheRow>): string {
  let id = wanted
  for (let n = 2; taken.has(id); n += 1) id = `${wanted} ${n}`
  return id
}

/** Writes a time to live the way it is looked at: `4m 12s`, `1h 5m`, `2d 3h`. */
export function ttlText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole}s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  if (whole < 86_400) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`
  return `${Math.floor(whole / 86_400)}d ${Math.floor((whole % 86_400) / 3600)}h`
}
