/** A table of live rows: fixed-height rows drawn where they are seen, held still when in use. */

import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual'
import {
  type MouseEvent,
  type ReactNode,
  useCallback,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import type { LiveView } from '../../lib/live/liveView.ts'
import { type Column, fitting } from './columns.ts'
import { LiveRow } from './LiveRow.tsx'
import { NewPill } from './NewPill.tsx'
import { NotLiveLine } from './NotLiveLine.tsx'
import { RowKeys } from './RowKeys.tsx'
import { type SortState, TableHead } from './TableHead.tsx'
import { useAnchor } from './useAnchor.ts'
import { useEndReached } from './useEndReached.ts'
import { useElementWidth, useRowHeight } from './useSizes.ts'
import { useTableHolds } from './useTableHolds.ts'
import { useTableKeys } from './useTableKeys.ts'

/** Rows drawn beyond each edge of what is seen. */
const OVERSCAN = 6

export interface LiveTableProps<Row> {
  readonly view: LiveView<Row>
  readonly columns: readonly Column<Row>[]
  readonly label: string
  readonly sort: SortState | null
  readonly onSort: (field: string) => void
  /** Row whose details are open. */
  readonly openId: string | null
  readonly onOpen: (id: string) => void
  readonly selection: ReadonlySet<string>
  readonly onSelect: (id: string) => void
  readonly onCopy: (id: string) => void
  readonly onExport: () => void
  /** Stands in place of the rows: nothing yet, no match, an error, loading. */
  readonly instead: ReactNode
  /** Since when the stream is down; null while it is not. */
  readonly notLiveSinceMs: number | null
  /** A log shows the newest on top and counts what comes while it is scrolled away. */
  readonly isNewestFirst?: boolean
  /** Called when the last rows come into sight, for tables that have more to ask for. */
  readonly onEnd?: () => void
  /** Letters that act on the current row. */
  readonly rowKeys?: Readonly<Record<string, (id: string) => void>>
  readonly testId?: string
  readonly rowTestId?: string
}

export function LiveTable<Row>(props: LiveTableProps<Row>): ReactNode {
  const { view, columns, selection, openId } = props
  const state = useSyncExternalStore(view.subscribe, view.state)
  const scroller = useRef<HTMLDivElement>(null)
  const rowHeight = useRowHeight()
  const width = useElementWidth(scroller)
  const [currentId, setCurrentId] = useState<string | null>(null)
  const shown = useMemo(() => fitting(columns, width), [columns, width])
  const tracks = shown.map((column) => column.track).join(' ')
  const currentPlace = currentId === null ? -1 : view.indexOf(currentId)

  const rangeExtractor = useCallback(
    (range: Range) => {
      const places = defaultRangeExtractor(range)
      // The row that has the focus stays, or the focus would fall out of the table.
      if (currentPlace < 0 || places.includes(currentPlace)) return places
      return [...places, currentPlace].sort((left, right) => left - right)
    },
    [currentPlace],
  )
  const virtualizer = useVirtualizer({
    count: state.nShown,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: OVERSCAN,
    rangeExtractor,
    useFlushSync: false,
  })
  useLayoutEffect(() => {
    if (rowHeight > 0) virtualizer.measure()
  }, [rowHeight, virtualizer])

  useEndReached(virtualizer.range?.endIndex ?? 0, state.nShown, props.onEnd)
  useTableHolds(view, scroller, props.isNewestFirst ?? false)
  useAnchor(view, scroller, rowHeight, state)

  const focusPlace = (place: number): void => {
    const last = state.nShown - 1
    const id = view.idAt(Math.max(0, Math.min(last, place)))
    if (id === null) return
    setCurrentId(id)
    virtualizer.scrollToIndex(Math.max(0, Math.min(last, place)))
    // The row may be drawn only after the scroll.
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus()
    })
  }
  useTableKeys({
    move: (by) => focusPlace(currentPlace < 0 ? 0 : currentPlace + by),
    moveTo: (end) => focusPlace(end === 'first' ? 0 : state.nShown - 1),
    open: () => currentId !== null && props.onOpen(currentId),
    toggleSelection: () => currentId !== null && props.onSelect(currentId),
    togglePause: () => (state.pausedAtMs === null ? view.pause() : view.resume()),
    applyWaiting: () => applyWaiting(),
    copy: () => currentId !== null && props.onCopy(currentId),
    export: props.onExport,
  })

  const applyWaiting = (): void => {
    view.applyWaiting()
    if (props.isNewestFirst) scroller.current?.scrollTo({ top: 0 })
  }

  const onClick = (event: MouseEvent): void => {
    const target = event.target instanceof Element ? event.target : null
    const id = target?.closest<HTMLElement>('[data-id]')?.dataset.id
    if (id === undefined || target?.closest('button, a, input')) return
    // Somebody who marked text wants the text.
    if (document.getSelection()?.isCollapsed === false) return
    setCurrentId(id)
    if (event.ctrlKey || event.metaKey) props.onSelect(id)
    else props.onOpen(id)
  }

  const items = virtualizer.getVirtualItems()
  const rows = items.map((item) => ({ item, shown: view.rowAt(item.index) }))
  const nFlashing = rows.filter((row) => row.shown?.flash).length
  const isGutterOnly = state.isBusy || nFlashing * 2 > rows.length
  // Where rows pass faster than they are drawn, each line of the screen keeps its elements.
  const isPassing = state.isSampling && !state.isHeld
  const tabStop = currentPlace >= 0 ? currentPlace : (items[0]?.index ?? 0)

  return (
    <div className="relative flex min-h-0 flex-1 flex-col">
      <NewPill state={state} onApply={applyWaiting} />
      {props.rowKeys ? <RowKeys keys={props.rowKeys} currentId={currentId} /> : null}
      <div
        role="grid"
        aria-label={props.label}
        aria-rowcount={state.nShown + 1}
        aria-colcount={shown.length}
        aria-multiselectable
        aria-busy={state.nTotal === 0 && props.instead !== null}
        data-testid={props.testId}
        data-held={state.isHeld || undefined}
        data-paused={state.pausedAtMs !== null || undefined}
        data-flash-style={isGutterOnly ? 'gutter' : 'tint'}
        className="flex min-h-0 flex-1 flex-col overflow-hidden rounded-card border border-line bg-surface"
      >
        <TableHead columns={shown} tracks={tracks} sort={props.sort} onSort={props.onSort} />
        <NotLiveLine sinceMs={props.notLiveSinceMs} />
        <div
          ref={scroller}
          role="rowgroup"
          onClick={onClick}
          onFocus={(event) => {
            const id = event.target.closest<HTMLElement>('[data-id]')?.dataset.id
            if (id !== undefined) setCurrentId(id)
          }}
          className="min-h-0 flex-1 overflow-y-auto overscroll-contain [scrollbar-gutter:stable]"
        >
          {props.instead ? (
            <div role="row">
              <div role="gridcell">{props.instead}</div>
            </div>
          ) : (
            <div
              role="presentation"
              className="relative"
              style={{ height: virtualizer.getTotalSize() }}
            >
              {rows.map(({ item, shown: row }) =>
                row === null ? null : (
                  <LiveRow
                    key={isPassing ? `line ${item.index}` : row.id}
                    id={row.id}
                    row={row.row}
                    columns={shown}
                    tracks={tracks}
                    place={item.index}
                    topPx={item.start}
                    heightPx={rowHeight}
                    flash={row.flash}
                    isGhost={row.isGhost}
                    isSelected={selection.has(row.id)}
                    isCurrent={item.index === tabStop}
                    isOpen={row.id === openId}
                    testId={props.rowTestId}
                  />
                ),
              )}
            </div>
          )}
        </div>
      </div>
    </div>
  )
}
