/** The newest events of what is followed, bounded, as rows of a table. */

import type { TidingsEvent } from 'tidings'
import type { LiveCollection, RowChange } from '../../lib/live/collection.ts'

/** Most events that are kept; the oldest go. */
export const EVENTS_MAX = 1000
/** Characters of the data that a row shows. */
const PREVIEW_CHARS = 300

/** An event as the inspector keeps it. */
export interface InspectedEvent {
  /** Counts up from 1; the rows' order. */
  readonly n: number
  readonly event: TidingsEvent
  readonly receivedAtMs: number
  /** The data as compact JSON, cut. */
  readonly preview: string
  /** Length of the data as JSON, in bytes of UTF-8. */
  readonly sizeBytes: number
  /** A frame about the stream itself, as it stood on the wire; null for an event. */
  readonly frame: string | null
}

export interface EventLog extends LiveCollection<InspectedEvent> {
  add(events: readonly TidingsEvent[]): void
  /** Adds a frame about the stream itself. */
  addFrame(event: TidingsEvent, wire: string): void
  clear(): void
  /** Returns the event before this one on the same channel, with the same type. */
  before(event: InspectedEvent): InspectedEvent | null
}

const encoder = new TextEncoder()

export function createEventLog(now: () => number = Date.now): EventLog {
  const rows = new Map<string, InspectedEvent>()
  const listeners = new Set<(changes: readonly RowChange<InspectedEvent>[]) => void>()
  // An event that two of the patterns match comes once for each.
  let seen = new WeakSet<TidingsEvent>()
  let n = 0

  function tell(changes: readonly RowChange<InspectedEvent>[]): void {
    if (changes.length === 0) return
    for (const listener of listeners) listener(changes)
  }

  function take(events: readonly TidingsEvent[], frame: string | null): void {
    const changes: RowChange<InspectedEvent>[] = []
    for (const event of events) {
      if (seen.has(event)) continue
      seen.add(event)
      n += 1
      const json = JSON.stringify(event.data) ?? 'null'
      const row: InspectedEvent = {
        n,
        event,
        receivedAtMs: now(),
        preview: json.slice(0, PREVIEW_CHARS),
        sizeBytes: encoder.encode(json).length,
        frame,
      }
      rows.set(String(n), row)
      changes.push({ id: String(n), row, previous: null, flash: null })
    }
    for (const [id, previous] of rows) {
      if (rows.size <= EVENTS_MAX) break
      rows.delete(id)
      changes.push({ id, row: null, previous, flash: null })
    }
    tell(changes)
  }

  return {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    add: (events) => take(events, null),
    addFrame: (event, wire) => take([event], wire),
    clear() {
      const changes = [...rows].map(([id, previous]) => ({ id, row: null, previous, flash: null }))
      rows.clear()
      seen = new WeakSet()
      tell(changes)
    },
    before(event) {
      let found: InspectedEvent | null = null
      for (const row of rows.values()) {
        if (row.n >= event.n) break
        const { channel, type } = row.event
        if (channel === event.event.channel && type === event.event.type) found = row
      }
      return found
    },
  }
}
