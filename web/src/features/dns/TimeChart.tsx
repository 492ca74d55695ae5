/** Questions over time by what became of them; a bar leads to its part of the log. */

import { useNavigate } from '@tanstack/react-router'
import { type MouseEvent, type ReactNode, useState } from 'react'
import { Card } from '../../components/ui/Surface.tsx'
import type { StatisticsRange } from '../../lib/dns/statistics.ts'
import { formatClock, formatMoment, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { PARTS, type Part, type TimeBar } from './timeBars.ts'

const COLOURS: Readonly<Record<Part, string>> = {
  passed: 'var(--chart-2)',
  cached: 'var(--chart-1)',
  blocked: 'var(--chart-3)',
  failed: 'var(--chart-4)',
}

/** Size of the drawing in its own units: ten for each bar. */
const BAR = 10
const HEIGHT = 160
/** Marks below the bars. */
const MARKS = 5

export interface TimeChartProps {
  readonly bars: readonly TimeBar[]
  readonly range: StatisticsRange
}

export function TimeChart({ bars, range }: TimeChartProps): ReactNode {
  const [pointed, setPointed] = useState<TimeBar | null>(null)
  return (
    <Card
      testId="dns-chart"
      title={t('dns.chart')}
      aside={
        <span className="tabular hidden text-xs text-muted sm:block">
          {pointed ? formatMoment(pointed.startMs) : t('dns.chart.hint')}
        </span>
      }
    >
      <Legend bars={pointed ? [pointed] : bars} />
      <div className="px-4 pt-3 pb-3">
        <Bars bars={bars} pointed={pointed} onPoint={setPointed} />
        <div className="tabular mt-1.5 flex justify-between text-2xs text-faint">
          {Array.from({ length: MARKS }, (_, place) => {
            const bar = bars[Math.round((place * (bars.length - 1)) / (MARKS - 1))]
            return <span key={bar?.startMs ?? place}>{bar ? mark(bar.startMs, range) : ''}</span>
          })}
        </div>
      </div>
    </Card>
  )
}

const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })

function mark(atMs: number, range: StatisticsRange): string {
  const isLong = range === '7d' || range === '30d'
  return isLong ? day.format(atMs) : formatClock(atMs).slice(0, 5)
}

function Legend({ bars }: { readonly bars: readonly TimeBar[] }): ReactNode {
  return (
    <ul className="flex flex-wrap gap-x-5 gap-y-1 px-4 pt-3 text-xs text-muted">
      {PARTS.map((part) => (
        <li key={part} className="flex items-center gap-1.5">
          <span
            aria-hidden
            className="size-2.5 rounded-[3px]"
            style={{ background: COLOURS[part] }}
          />
          {t(`dns.part.${part}`)}{' '}
          <span className="tabular font-medium text-text">
            {formatNumber(bars.reduce((sum, bar) => sum + bar[part], 0))}
          </span>
        </li>
      ))}
    </ul>
  )
}

interface BarsProps {
  readonly bars: readonly TimeBar[]
  readonly pointed: TimeBar | null
  readonly onPoint: (bar: TimeBar | null) => void
}

function Bars({ bars, pointed, onPoint }: BarsProps): ReactNode {
  const navigate = useNavigate()
  const highest = Math.max(4, ...bars.map(({ total }) => total))
  const barAt = (event: MouseEvent<SVGElement>): TimeBar | null => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    return bars[Math.floor(((event.clientX - left) / width) * bars.length)] ?? null
  }
  const open = (bar: TimeBar | null): void => {
    if (bar === null) return
    const { startMs: from, endMs: to } = bar
    void navigate({ to: '/dns/log', search: { from, to } })
  }
  const total = bars.reduce((sum, bar) => sum + bar.total, 0)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the log's own time range does it by keyboard
    <svg
      role="img"
      aria-label={t('dns.chart.label', { n: total, most: highest })}
      viewBox={`0 0 ${bars.length * BAR} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="block h-40 w-full cursor-pointer"
      onMouseMove={(event) => onPoint(barAt(event))}
      onMouseLeave={() => onPoint(null)}
      onClick={(event) => open(barAt(event))}
    >
      <Grid width={bars.length * BAR} />
      {bars.map((bar, place) => (
        <Bar
          key={bar.startMs}
          bar={bar}
          x={place * BAR}
          unit={HEIGHT / highest}
          isPointed={bar.startMs === pointed?.startMs}
        />
      ))}
    </svg>
  )
}

function Grid({ width }: { readonly width: number }): ReactNode {
  return [0, 0.25, 0.5, 0.75, 1].map((share) => (
    <line
      key={share}
      x1={0}
      x2={width}
      y1={Math.max(0.5, HEIGHT * (1 - share) - 0.5)}
      y2={Math.max(0.5, HEIGHT * (1 - share) - 0.5)}
      stroke={share === 0 ? 'var(--line-strong)' : 'var(--line)'}
      strokeDasharray={share === 0 ? undefined : '2 4'}
      vectorEffect="non-scaling-stroke"
    />
  ))
}

interface BarProps {
  readonly bar: TimeBar
  readonly x: number
  /** Height of one question. */
  readonly unit: number
  readonly isPointed: boolean
}

function Bar({ bar, x, unit, isPointed }: BarProps): ReactNode {
  let top = HEIGHT
  return (
    <>
      {isPointed ? <rect x={x} y={0} width={BAR} height={HEIGHT} fill="var(--inset)" /> : null}
      {PARTS.map((part) => {
        const height = bar[part] * unit
        top -= height
        if (height === 0) return null
        return (
          <rect key={part} x={x + 1} y={top} width={BAR - 2} height={height} fill={COLOURS[part]} />
        )
      })}
    </>
  )
}
