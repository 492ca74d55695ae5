/** Moves through a table by keys, and lets single letters act on its rows. */

import { useKey } from '../../lib/keys.ts'

export interface TableActions {
  /** Moves the current row by so many rows. */
  move(by: number): void
  /** Moves to the first or the last row. */
  moveTo(end: 'first' | 'last'): void
  open(): void
  toggleSelection(): void
  togglePause(): void
  applyWaiting(): void
  copy(): void
  export(): void
}

/** Rows that Page Up and Page Down move by. */
const PAGE_ROWS = 12

export function useTableKeys(actions: TableActions): void {
  useKey('j', () => actions.move(1))
  useKey('k', () => actions.move(-1))
  useKey('ArrowDown', () => actions.move(1))
  useKey('ArrowUp', () => actions.move(-1))
  useKey('PageDown', () => actions.move(PAGE_ROWS))
  useKey('PageUp', () => actions.move(-PAGE_ROWS))
  useKey('Home', () => actions.moveTo('first'))
  useKey('End', () => actions.moveTo('last'))
  useKey('Enter', actions.open)
  useKey('x', actions.toggleSelection)
  useKey(' ', actions.togglePause)
  useKey('.', actions.applyWaiting)
  useKey('c', actions.copy)
  useKey('e', actions.export)
}
