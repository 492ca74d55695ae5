/** A figure with its name and what it counts. */

import type { ReactNode } from 'react'
import { formatNumber } from '../lib/format.ts'

export interface StatCardProps {
  readonly title: string
  readonly hint: ReactNode
  /** Undefined is not known yet, null cannot be known now. */
  readonly value: number | string | null | undefined
  readonly testId?: string
  readonly aside?: ReactNode
}

export function StatCard({ title, hint, value, testId, aside }: StatCardProps): ReactNode {
  return (
    <div
      data-testid={testId}
      className="flex min-w-0 items-center justify-between gap-3 rounded-card border border-line bg-surface px-4 py-3"
    >
      <dl className="min-w-0">
        <dt className="truncate text-xs font-medium text-muted">{title}</dt>
        <dd
          data-testid={testId && `${testId}.value`}
          className="tabular my-0.5 text-2xl leading-8 font-semibold tracking-[-0.022em]"
        >
          {text(value)}
        </dd>
        <dd className="truncate text-xs text-faint">{hint}</dd>
      </dl>
      {aside}
    </div>
  )
}

/** `...` while loading and `--` on failure are the words of the contract. */
function text(value: StatCardProps['value']): string {
  if (value === undefined) return '...'
  if (value === null) return '--'
  return typeof value === 'number' ? formatNumber(value) : value
}
