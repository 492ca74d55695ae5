/** How many leases changed in each minute of the last hour, and how. */

import { type ReactNode, useMemo } from 'react'
import { Card } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type RecentChange, useRecentChanges } from '../../lib/leases/recentChanges.ts'
import { activityOf, KINDS, type Kind, MINUTES, type Minute } from './activity.ts'

const COLOURS: Readonly<Record<Kind, string>> = {
  added: 'var(--ok)',
  changed: 'var(--info)',
  renewed: 'var(--line-strong)',
  gone: 'var(--bad)',
}

/** Size of the drawing in its own units: ten for each minute. */
const WIDTH = MINUTES * 10
const HEIGHT = 120

export function ActivityCard(): ReactNode {
  const changes: readonly RecentChange[] = useRecentChanges()
  const nowMs = useNow('minute')
  const minutes = useMemo(() => activityOf(changes, nowMs), [changes, nowMs])
  const total = (kind: Kind): number => minutes.reduce((sum, minute) => sum + minute[kind], 0)
  const totals = {
    added: total('added'),
    changed: total('changed'),
    renewed: total('renewed'),
    gone: total('gone'),
  }
  return (
    <Card
      title={t('overview.activity')}
      aside={
        <ul className="hidden gap-4 text-xs text-muted sm:flex">
          {KINDS.map((kind) => (
            <li key={kind} className="flex items-center gap-1.5">
              <span
                aria-hidden
                className="size-2.5 rounded-[3px]"
                style={{ background: COLOURS[kind] }}
              />
              {t(`overview.activity.${kind}`)}{' '}
              <span className="tabular text-text">{totals[kind]}</span>
            </li>
          ))}
        </ul>
      }
    >
      <div className="px-4 pt-4 pb-3">
        <Bars minutes={minutes} label={t('overview.activity.label', totals)} />
        <div className="tabular mt-1.5 flex justify-between text-2xs text-faint">
          <span>{formatClock(nowMs - MINUTES * 60_000).slice(0, 5)}</span>
          <span>{formatClock(nowMs - (MINUTES / 2) * 60_000).slice(0, 5)}</span>
          <span>{formatClock(nowMs).slice(0, 5)}</span>
        </div>
      </div>
    </Card>
  )
}

interface BarsProps {
  readonly minutes: readonly Minute[]
  readonly label: string
}

function Bars({ minutes, label }: BarsProps): ReactNode {
  const highest = Math.max(4, ...minutes.map((minute) => sum(minute)))
  const unit = HEIGHT / highest
  return (
    <svg
      role="img"
      aria-label={label}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      className="block h-32 w-full"
    >
      {[0.25, 0.5, 0.75, 1].map((share) => (
        <line
          key={share}
          x1={0}
          x2={WIDTH}
          y1={HEIGHT * (1 - share) + 0.5}
          y2={HEIGHT * (1 - share) + 0.5}
          stroke="var(--line)"
          strokeDasharray="2 4"
          vectorEffect="non-scaling-stroke"
        />
      ))}
      <line
        x1={0}
        x2={WIDTH}
        y1={HEIGHT}
        y2={HEIGHT}
        stroke="var(--line-strong)"
        vectorEffect="non-scaling-stroke"
      />
      {minutes.map((minute, place) => {
        let top = HEIGHT
        return KINDS.map((kind) => {
          const height = minute[kind] * unit
          top -= height
          if (height === 0) return null
          return (
            <rect
              key={`${minute.startMs}${kind}`}
              x={place * 10 + 1.5}
              y={top}
              width={7}
              height={height}
              fill={COLOURS[kind]}
              opacity={0.85}
            />
          )
        })
      })}
    </svg>
  )
}

function sum(minute: Minute): number {
  return KINDS.reduce((total, kind) => total + minute[kind], 0)
}
