/** The query log with equal questions of a client under one line that counts them. */

import type { DnsLoggedQuery } from 'tidings'
import type { LiveCollection, RowChange } from '../live/collection.ts'
import type { LogRow } from './queryLog.ts'

export interface GroupedLog extends LiveCollection<LogRow> {
  /** Follows the log; returns how to stop. */
  open(): () => void
}

export function createGroupedLog(log: LiveCollection<LogRow>): GroupedLog {
  const rows = new Map<string, LogRow>()
  const listeners = new Set<(changes: readonly RowChange<LogRow>[]) => void>()

  /** Counts a line of the log in or out and returns the group as it is then. */
  function take({ row, previous }: RowChange<LogRow>): LogRow | null {
    const changed = row ?? previous
    if (changed === null) return null
    const id = groupOf(changed.entry)
    const group = rows.get(id)
    if (row === null) {
      if (!group) return null
      if (group.n <= changed.n) rows.delete(id)
      else rows.set(id, { ...group, n: group.n - changed.n })
    } else if (!group) rows.set(id, { ...row, id })
    else {
      const newest = row.place > group.place ? row : group
      rows.set(id, { ...newest, id, n: group.n + row.n })
    }
    return rows.get(id) ?? null
  }

  function follow(changes: readonly RowChange<LogRow>[]): void {
    // Of many changes of a group in a batch, one is told.
    const told = new Map<string, RowChange<LogRow>>()
    for (const change of changes) {
      const entry = (change.row ?? change.previous)?.entry
      if (!entry) continue
      const id = groupOf(entry)
      const previous = told.has(id) ? (told.get(id)?.previous ?? null) : (rows.get(id) ?? null)
      const row = take(change)
      const mark = previous === null ? 'added' : 'updated'
      const isMarked = change.flash !== null || (told.get(id)?.flash ?? null) !== null
      told.set(id, { id, row, previous, flash: isMarked && row !== null ? mark : null })
    }
    const list = [...told.values()].filter(({ row, previous }) => row !== null || previous !== null)
    if (list.length === 0) return
    for (const listener of listeners) listener(list)
  }

  return {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    open() {
      rows.clear()
      for (const [id, row] of log.rows) take({ id, row, previous: null, flash: null })
      return log.onChanges(follow)
    },
  }
}

/** Returns what makes two questions the same. */
function groupOf({ client, name, type, status }: DnsLoggedQuery): string {
  return `${client} ${type} ${status} ${name}`
}
