/** The head of a live table: names of the columns, and buttons that sort by them. */

import { ArrowDown, ArrowUp } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'
import { t } from '../../lib/i18n.ts'
import type { SortDirection } from '../../lib/live/sortedIndex.ts'
import type { Column } from './columns.ts'

export interface SortState {
  readonly field: string
  readonly direction: SortDirection
}

export interface TableHeadProps<Row> {
  readonly columns: readonly Column<Row>[]
  readonly tracks: string
  readonly sort: SortState | null
  readonly onSort: (field: string) => void
}

export function TableHead<Row>({ columns, tracks, sort, onSort }: TableHeadProps<Row>): ReactNode {
  return (
    <div
      role="rowgroup"
      className="overflow-y-auto border-b border-line [scrollbar-color:transparent_transparent] [scrollbar-gutter:stable]"
    >
      <div
        role="row"
        aria-rowindex={1}
        className="grid h-9 items-center ps-3 pe-3 text-xs font-medium text-muted"
        style={{ gridTemplateColumns: tracks }}
      >
        {columns.map((column) => (
          <HeadCell key={column.id} column={column} sort={sort} onSort={onSort} />
        ))}
      </div>
    </div>
  )
}

interface HeadCellProps<Row> {
  readonly column: Column<Row>
  readonly sort: SortState | null
  readonly onSort: (field: string) => void
}

function HeadCell<Row>({ column, sort, onSort }: HeadCellProps<Row>): ReactNode {
  const { sortField } = column
  const direction = sortField !== null && sort?.field === sortField ? sort.direction : null
  const Arrow = direction === 'desc' ? ArrowDown : ArrowUp
  return (
    <div
      role="columnheader"
      aria-sort={direction === null ? undefined : direction === 'asc' ? 'ascending' : 'descending'}
      className={cx('flex min-w-0', column.isEnd && 'justify-end')}
    >
      {sortField === null ? (
        <span className={column.isLabelHidden ? 'sr-only' : 'truncate px-2'}>{column.label}</span>
      ) : (
        <button
          type="button"
          data-testid={`sort-${sortField}`}
          aria-label={t('table.sortBy', { column: column.label })}
          onClick={() => onSort(sortField)}
          className={cx(
            'group flex h-7 min-w-0 items-center gap-1 rounded px-2 hover:text-text',
            direction !== null && 'text-text',
          )}
        >
          <span className="truncate">{column.label}</span>
          <Arrow
            size={13}
            aria-hidden
            className={cx(
              'shrink-0',
              direction === null &&
                'opacity-0 group-hover:opacity-40 group-focus-visible:opacity-40',
            )}
          />
        </button>
      )}
    </div>
  )
}
