/** Switches filtering off for some minutes, counts down, and switches it on again. */

import { useQueryClient } from '@tanstack/react-query'
import { Hourglass } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { useNow } from '../../lib/clock.ts'
import type { DnsPause } from '../../lib/dns/dnsStatus.ts'
import {
  endPause,
  type PauseScope,
  pauseFiltering,
  pausesQuery,
  usePauses,
} from '../../lib/dns/pauses.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { Button } from '../ui/Button.tsx'
import { Problem } from '../ui/Problem.tsx'

const MINUTES = [5, 30, 60, 480] as const
const MINUTE_MS = 60_000

export interface PauseControlProps {
  readonly who: PauseScope
  /** Name in the buttons' test ids. */
  readonly testId: string
}

export function PauseControl({ who, testId }: PauseControlProps): ReactNode {
  const queries = useQueryClient()
  const { data } = usePauses()
  const [problem, setProblem] = useState<string | null>(null)
  const take = (next: Promise<readonly DnsPause[]>): void => {
    setProblem(null)
    next.then(
      (pauses) => queries.setQueryData(pausesQuery.queryKey, pauses),
      (error: Error) => setProblem(error.message),
    )
  }
  const own = data?.find((pause) => isFor(pause, who))
  return (
    <div>
      {own ? (
        <div className="flex flex-wrap items-center gap-3">
          <Countdown untilMs={own.until_ms} testId={`${testId}-countdown`} />
          <Button data-testid={`${testId}-end`} onClick={() => take(endPause(who))}>
            {t('dns.pause.end')}
          </Button>
        </div>
      ) : (
        <div role="group" aria-label={t('dns.pause.for')} className="flex flex-wrap gap-2">
          {MINUTES.map((minutes) => (
            <Button
              key={minutes}
              data-testid={`${testId}-${minutes}`}
              onClick={() => take(pauseFiltering(who, minutes))}
            >
              {minutes < 60
                ? t('dns.pause.minutes', { n: minutes })
                : t('dns.pause.hours', { n: minutes / 60 })}
            </Button>
          ))}
        </div>
      )}
      <Problem text={problem} />
    </div>
  )
}

function isFor(pause: DnsPause, who: PauseScope): boolean {
  return pause.scope === who.scope && (who.scope === 'all' || pause.name === who.name)
}

interface CountdownProps {
  readonly untilMs: number
  readonly testId?: string
}

/** Time until filtering is on again: `4:59`, with hours where there are any. */
export function Countdown({ untilMs, testId }: CountdownProps): ReactNode {
  const nowMs = useNow('second')
  return (
    <span
      title={formatMoment(untilMs)}
      className="inline-flex items-center gap-1.5 text-sm font-medium text-warn"
    >
      <Hourglass size={14} aria-hidden />
      <span>
        {t('dns.pause.left')}{' '}
        <span data-testid={testId} className="tabular">
          {countdownText(untilMs - nowMs)}
        </span>
      </span>
    </span>
  )
}

export function countdownText(leftMs: number): string {
  const seconds = Math.max(0, Math.ceil(leftMs / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(seconds / 60)
  if (seconds * 1000 < 60 * MINUTE_MS) return `${minutes}:${two(seconds % 60)}`
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`
}
