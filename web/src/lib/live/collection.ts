/** What live data is to a table: rows by id, and word of every change. */

import type { FlashKind } from './flashes.ts'

/** What happened to one row. */
export interface RowChange<Row> {
  readonly id: string
  /** The row as it is now, null when it is gone. */
  readonly row: Row | null
  /** The row as it was, null when it is new. */
  readonly previous: Row | null
  /** How to mark it; null for what nobody needs to see, as a renewal. */
  readonly flash: FlashKind | null
}

/** Rows by id; a row is never changed in place, so another row object means other content. */
export interface LiveCollection<Row> {
  readonly rows: ReadonlyMap<string, Row>
  /** Calls `listener` after each batch of changes; returns how to stop. */
  onChanges(listener: (changes: readonly RowChange<Row>[]) => void): () => void
}
