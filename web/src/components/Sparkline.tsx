/** A small line over time without axes, for the corner of a card. */

import type { ReactNode } from 'react'

export interface SparklineProps {
  readonly values: readonly number[]
  readonly label: string
}

const WIDTH = 100
const HEIGHT = 32

export function Sparkline({ values, label }: SparklineProps): ReactNode {
  const highest = Math.max(1, ...values)
  const step = WIDTH / Math.max(1, values.length - 1)
  const points = values.map(
    (value, place) =>
      `${(place * step).toFixed(1)},${(HEIGHT - (value / highest) * (HEIGHT - 2)).toFixed(1)}`,
  )
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="h-9 w-24 shrink-0"
    >
      <polygon
        points={`0,${HEIGHT} ${points.join(' ')} ${WIDTH},${HEIGHT}`}
        fill="var(--accent-tint)"
      />
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="var(--accent)"
        strokeWidth={1.5}
        vectorEffect="non-scaling-stroke"
      />
    </svg>
  )
}
