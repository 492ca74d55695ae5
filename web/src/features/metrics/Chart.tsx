/** A chart of a few lines over time, drawn by uPlot on a canvas, with its newest values as text. */

import 'uplot/dist/uPlot.min.css'
import { type ReactNode, useEffect, useMemo, useRef } from 'react'
import uPlot from 'uplot'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type ChartEntry, chartData } from './charts.ts'
import type { Look } from './figures.ts'

const HEIGHT_PX = 150
/** Token of each line's colour, in order. */
const COLOURS = ['--chart-1', '--chart-2', '--chart-3', '--chart-4'] as const

export interface ChartProps {
  readonly chart: ChartEntry
  readonly looks: readonly Look[]
  /** Changes with the theme, for a canvas does not follow it by itself. */
  readonly theme: string
}

export function Chart({ chart, looks, theme }: ChartProps): ReactNode {
  const data = useMemo(() => chartData(looks, chart.lines), [looks, chart])
  const newest = data.slice(1).map((line) => line.at(-1) ?? null)
  return (
    <Card
      testId={`chart-${chart.id}`}
      title={t(chart.title)}
      aside={<CopyButton text={chart.promql} what="PromQL" />}
    >
      <dl className="flex flex-wrap gap-x-4 gap-y-1 px-4 pt-3 text-sm">
        {chart.lines.map((line, place) => (
          <div key={line.label} className="flex items-center gap-1.5">
            <span
              aria-hidden
              className="size-2 rounded-full"
              style={{ backgroundColor: `var(${COLOURS[place]})` }}
            />
            <dt className="text-muted">{t(line.label)}</dt>
            <dd className="tabular font-medium">{valueText(newest[place], chart)}</dd>
          </div>
        ))}
      </dl>
      {looks.length < 2 ? (
        <p className="flex h-[150px] items-center px-4 text-sm text-muted">
          {t('metrics.collecting')}
        </p>
      ) : (
        <Plot key={theme} chart={chart} data={data} />
      )}
    </Card>
  )
}

interface PlotProps {
  readonly chart: ChartEntry
  readonly data: readonly (readonly (number | null)[])[]
}

function Plot({ chart, data }: PlotProps): ReactNode {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  useEffect(() => {
    const element = box.current
    if (!element) return
    const made = new uPlot(options(chart, element.clientWidth), [[]], element)
    plot.current = made
    const resizing = new ResizeObserver(() =>
      made.setSize({ width: element.clientWidth, height: HEIGHT_PX }),
    )
    resizing.observe(element)
    return () => {
      resizing.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [chart])
  useEffect(() => {
    // uPlot's type knows no arrays that may not be written.
    plot.current?.setData(data as uPlot.AlignedData)
  }, [data])
  return <div ref={box} aria-hidden className="h-[150px] w-full px-2 pb-2" />
}

function valueText(value: number | null | undefined, chart: ChartEntry): string {
  return value === null || value === undefined ? '–' : chart.format(value)
}

function options(chart: ChartEntry, width: number): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--muted'),
    font: '11px Inter, system-ui, sans-serif',
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    width,
    height: HEIGHT_PX,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.15 : 1] } },
    axes: [
      { ...axis, space: 80, values: (_, times) => times.map((time) => formatClock(time * 1000)) },
      { ...axis, size: 64, space: 34, values: (_, values) => values.map(chart.format) },
    ],
    series: [
      {},
      ...chart.lines.map((line, place) => ({
        label: t(line.label),
        stroke: colour(COLOURS[place % COLOURS.length] ?? '--chart-1'),
        width: 1.5,
        points: { show: false },
      })),
    ],
  }
}
