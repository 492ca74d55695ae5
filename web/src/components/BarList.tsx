/** Things and how often each came, the most first, as bars that lead somewhere. */

import type { ReactNode } from 'react'
import { cx } from '../lib/cx.ts'
import { formatNumber } from '../lib/format.ts'

export interface BarItem {
  readonly key: string
  readonly label: ReactNode
  readonly n: number
  /** The number as text; itself when missing. */
  readonly value?: ReactNode
  readonly tone?: 'accent' | 'bad' | 'info' | 'warn'
  /** Wraps the line into a link. */
  readonly link: (line: ReactNode, className: string) => ReactNode
}

export interface BarListProps {
  readonly items: readonly BarItem[]
  /** What is said when there is nothing. */
  readonly empty: string
}

const BARS: Readonly<Record<NonNullable<BarItem['tone']>, string>> = {
  accent: 'bg-accent-tint',
  bad: 'bg-bad-tint',
  info: 'bg-info-tint',
  warn: 'bg-warn-tint',
}

const LINE = 'relative block rounded-[5px] px-2.5 text-sm hover:bg-inset'

export function BarList({ items, empty }: BarListProps): ReactNode {
  if (items.length === 0) return <p className="p-4 text-sm text-muted">{empty}</p>
  const most = Math.max(1, ...items.map(({ n }) => n))
  return (
    <ol className="flex flex-col gap-0.5 p-2">
      {items.map(({ key, label, n, value, tone = 'accent', link }) => (
        <li key={key}>
          {link(
            <>
              <span
                aria-hidden
                className={cx('absolute inset-y-0.5 start-0 rounded-[5px]', BARS[tone])}
                style={{ width: `${Math.max(1, (n * 100) / most)}%` }}
              />
              <span className="relative flex min-h-8 items-center justify-between gap-4">
                <span className="min-w-0 truncate">{label}</span>
                <span className="tabular shrink-0 font-medium">{value ?? formatNumber(n)}</span>
              </span>
            </>,
            LINE,
          )}
        </li>
      ))}
    </ol>
  )
}
