/** One row of a live table; drawn anew only when something of it changed. */

import { memo, type ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'
import { t } from '../../lib/i18n.ts'
import type { Flash, FlashKind } from '../../lib/live/flashes.ts'
import type { Column } from './columns.ts'

export interface LiveRowProps<Row> {
  readonly id: string
  readonly row: Row
  readonly columns: readonly Column<Row>[]
  readonly tracks: string
  /** Place among the rows, from 0. */
  readonly place: number
  readonly topPx: number
  readonly heightPx: number
  readonly flash: Flash | null
  readonly isGhost: boolean
  readonly isSelected: boolean
  /** Whether the row is the one that Tab reaches. */
  readonly isCurrent: boolean
  /** Whether the row's details are open. */
  readonly isOpen: boolean
  readonly testId: string | undefined
}

const SIGNS: Readonly<Record<FlashKind, string>> = { added: '+', updated: '~', removed: '−' }

function LiveRowBase<Row>(props: LiveRowProps<Row>): ReactNode {
  const { id, row, columns, flash, isGhost, isSelected, isOpen } = props
  return (
    <div
      role="row"
      data-id={id}
      data-testid={props.testId}
      data-flash={flash?.kind}
      data-ghost={isGhost || undefined}
      aria-rowindex={props.place + 2}
      aria-selected={isSelected}
      tabIndex={props.isCurrent ? 0 : -1}
      className={cx(
        'absolute inset-x-0 top-0 grid cursor-default items-center border-b border-line ps-3 pe-3',
        'text-sm -outline-offset-2 [contain:strict]',
        isGhost && 'text-faint line-through',
        isSelected || isOpen ? 'bg-accent-tint' : 'hover:bg-inset',
      )}
      style={{
        height: props.heightPx,
        transform: `translateY(${props.topPx}px)`,
        gridTemplateColumns: props.tracks,
      }}
    >
      {columns.map((column) => (
        <div
          key={column.id}
          role="gridcell"
          data-testid={column.testId}
          className={cx('min-w-0 truncate px-2', column.isEnd && 'text-end', column.className)}
        >
          {column.cell(row)}
        </div>
      ))}
      {flash ? <FlashMark flash={flash} /> : null}
      {isGhost ? <span className="sr-only">{t('table.ghost')}</span> : null}
    </div>
  )
}

/** Where a row is recycled or comes into view late, its mark goes on where it would be by now. */
function FlashMark({ flash }: { readonly flash: Flash }): ReactNode {
  const style = { animationDelay: `${Math.min(0, flash.atMs - Date.now())}ms` }
  return (
    <span
      key={flash.key}
      aria-hidden
      className="flash"
      data-flash={flash.kind}
      data-sign={SIGNS[flash.kind]}
      style={style}
    />
  )
}

/** `memo` loses the type parameter, so it is given back. */
export const LiveRow = memo(LiveRowBase) as typeof LiveRowBase
