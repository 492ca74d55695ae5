/** One cell for each address of a pool; the table below it says the same in words. */

import { type PointerEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { useElementWidth } from '../../components/live-table/useSizes.ts'
import { t } from '../../lib/i18n.ts'
import { useIsDark } from '../../lib/theme.ts'
import { type CellKind, type PoolCells, v4Text } from './poolCells.ts'

/** Side of a cell and the gap after it, in pixels. */
const CELL_PX = 12
const GAP_PX = 2

const COLOURS: Readonly<Record<CellKind, string>> = {
  free: '--inset',
  leased: '--accent',
  reserved: '--info',
  expired: '--line-strong',
  other: '--bad',
}

export interface HeatStripProps {
  readonly cells: PoolCells
  readonly label: string
}

export function HeatStrip({ cells, label }: HeatStripProps): ReactNode {
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const width = useElementWidth(box)
  const isDark = useIsDark()
  const [pointed, setPointed] = useState<number | null>(null)
  const step = CELL_PX + GAP_PX
  const nColumns = Math.max(1, Math.floor((width + GAP_PX) / step))
  const nRows = Math.ceil(cells.kinds.length / nColumns)

  useEffect(() => {
    const element = canvas.current
    const context = element?.getContext('2d')
    if (!element || !context || width === 0) return
    const scale = devicePixelRatio
    element.width = width * scale
    element.height = nRows * step * scale
    context.scale(scale, scale)
    draw(context, cells.kinds, nColumns, isDark)
  }, [cells, width, nColumns, nRows, step, isDark])

  const onPointerMove = (event: PointerEvent): void => {
    const column = Math.floor(event.nativeEvent.offsetX / step)
    const row = Math.floor(event.nativeEvent.offsetY / step)
    const place = row * nColumns + column
    setPointed(column < nColumns && place < cells.kinds.length ? place : null)
  }

  return (
    <div ref={box} className="min-w-0">
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        onPointerMove={onPointerMove}
        onPointerLeave={() => setPointed(null)}
        className="block w-full"
        style={{ height: nRows * step - GAP_PX }}
      />
      <p aria-hidden className="tabular mt-1.5 h-5 truncate text-xs text-muted">
        {pointed === null ? null : describe(cells, pointed)}
      </p>
    </div>
  )
}

function draw(
  context: CanvasRenderingContext2D,
  kinds: readonly CellKind[],
  nColumns: number,
  isDark: boolean,
): void {
  const style = getComputedStyle(document.documentElement)
  const step = CELL_PX + GAP_PX
  for (const [place, kind] of kinds.entries()) {
    context.fillStyle = style.getPropertyValue(COLOURS[kind])
    context.globalAlpha = kind === 'leased' && isDark ? 0.85 : 1
    context.beginPath()
    context.roundRect(
      (place % nColumns) * step,
      Math.floor(place / nColumns) * step,
      CELL_PX,
      CELL_PX,
      3,
    )
    context.fill()
  }
}

function describe(cells: PoolCells, place: number): string {
  const { addressesPerCell, first, kinds, leases } = cells
  const from = first + place * addressesPerCell
  const kind = t(`pools.cell.${kinds[place] ?? 'free'}`)
  if (addressesPerCell > 1) return `${v4Text(from)} – ${v4Text(from + addressesPerCell - 1)}`
  const address = v4Text(from)
  const lease = leases.find(({ wire }) => wire.ip_address === address)
  return [address, kind, lease?.wire.hostname].filter(Boolean).join(' · ')
}
