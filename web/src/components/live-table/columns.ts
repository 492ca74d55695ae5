/** What a column of a live table is, and which columns fit into a width. */

import type { ReactNode } from 'react'

export interface Column<Row> {
  readonly id: string
  readonly label: string
  /** Whether the label is only read out. */
  readonly isLabelHidden?: boolean
  /** Width as a grid track, as `minmax(8rem, 1fr)`. */
  readonly track: string
  /** Width of the table from which the column is shown, in pixels; 0 is always. */
  readonly fromWidth: number
  /** Name that the column is sorted by; null cannot be sorted. */
  readonly sortField: string | null
  readonly isEnd?: boolean
  readonly cell: (row: Row) => ReactNode
  readonly testId?: string
  readonly className?: string
}

/** Returns the columns that fit. */
export function fitting<Row>(
  columns: readonly Column<Row>[],
  widthPx: number,
): readonly Column<Row>[] {
  return columns.filter((column) => widthPx >= column.fromWidth)
}
