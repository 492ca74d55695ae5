/** A bar that says how full something is, in length, number and colour. */

import type { ReactNode } from 'react'
import { cx } from '../lib/cx.ts'
import { formatPercent } from '../lib/format.ts'

export interface UsageBarProps {
  readonly label: string
  /** 0 to 100. */
  readonly percent: number
  /** From here on the bar warns. */
  readonly warnFrom: number
}

export function UsageBar({ label, percent, warnFrom }: UsageBarProps): ReactNode {
  const isFull = percent >= warnFrom
  return (
    <div className="flex items-center gap-3">
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        className="h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-inset forced-colors:border"
      >
        <div
          className={cx(
            'h-full rounded-full forced-colors:bg-[Highlight]',
            isFull ? 'bg-bad' : 'bg-accent',
          )}
          style={{ width: `${Math.min(100, percent)}%` }}
        />
      </div>
      <span
        className={cx(
          'tabular w-11 text-end text-sm',
          isFull ? 'font-medium text-bad' : 'text-muted',
        )}
      >
        {formatPercent(percent)}
      </span>
    </div>
  )
}
