/** Rows that are asked for again and again, as live data: what came, went and changed. */

import type { LiveCollection, RowChange } from './collection.ts'
import type { FlashKind } from './flashes.ts'

export interface PolledRows<Row> extends LiveCollection<Row> {
  /** Makes the rows those of an answer; rows that came or went since the first are marked. */
  replace(rows: readonly Row[]): void
  /** Makes the rows those of an answer to another question, so that none of them is news. */
  exchange(rows: readonly Row[]): void
}

/** Figures change with every answer, so a change of a row is drawn and not marked. */
export function createPolledRows<Row extends object>(idOf: (row: Row) => string): PolledRows<Row> {
  const rows = new Map<string, Row>()
  const listeners = new Set<(changes: readonly RowChange<Row>[]) => void>()
  let isFilled = false

  function put(next: readonly Row[], added: FlashKind | null, removed: FlashKind | null): void {
    const changes: RowChange<Row>[] = []
    const gone = new Map(rows)
    for (const row of next) {
      const id = idOf(row)
      const previous = gone.get(id) ?? null
      gone.delete(id)
      if (previous !== null && isSame(previous, row)) continue
      rows.set(id, row)
      changes.push({ id, row, previous, flash: previous === null ? added : null })
    }
    for (const [id, previous] of gone) {
      rows.delete(id)
      changes.push({ id, row: null, previous, flash: removed })
    }
    isFilled = true
    if (changes.length === 0) return
    for (const listener of listeners) listener(changes)
  }

  return {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    replace: (next) => put(next, isFilled ? 'added' : null, 'removed'),
    exchange: (next) => put(next, null, null),
  }
}

function isSame<Row extends object>(left: Row, right: Row): boolean {
  const before = new Map(Object.entries(left))
  return Object.entries(right).every(([name, value]) => {
    const old = before.get(name)
    if (Array.isArray(value) && Array.isArray(old)) return value.join() === old.join()
    return old === value
  })
}
