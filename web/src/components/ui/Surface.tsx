/** Cards, badges and the small parts that pages are put together from. */

import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'

export interface CardProps {
  readonly title?: ReactNode
  readonly aside?: ReactNode
  readonly children: ReactNode
  readonly className?: string
  readonly testId?: string
}

export function Card({ title, aside, children, className, testId }: CardProps): ReactNode {
  return (
    <section
      data-testid={testId}
      className={cx('min-w-0 rounded-card border border-line bg-surface', className)}
    >
      {title === undefined ? null : (
        <header className="flex min-h-11 items-center justify-between gap-3 border-b border-line px-4 py-2">
          <h2 className="text-sm font-semibold">{title}</h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}

export type BadgeTone = 'neutral' | 'ok' | 'info' | 'warn' | 'bad'

const BADGES: Readonly<Record<BadgeTone, string>> = {
  neutral: 'bg-inset text-muted',
  ok: 'bg-ok-tint text-ok',
  info: 'bg-info-tint text-info',
  warn: 'bg-warn-tint text-warn',
  bad: 'bg-bad-tint text-bad',
}

export interface BadgeProps {
  readonly tone?: BadgeTone
  readonly icon?: ReactNode
  readonly children: ReactNode
  readonly testId?: string
}

export function Badge({ tone = 'neutral', icon, children, testId }: BadgeProps): ReactNode {
  return (
    <span
      data-testid={testId}
      className={cx(
        'inline-flex h-[22px] items-center gap-1.5 rounded-full px-2 text-xs font-medium',
        'whitespace-nowrap forced-colors:border',
        BADGES[tone],
      )}
    >
      {icon}
      {children}
    </span>
  )
}

/** A key to press, as printed on it. */
export function Kbd({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded border border-line-strong px-1 text-2xs font-medium text-muted">
      {children}
    </kbd>
  )
}

export interface PageHeaderProps {
  readonly title: string
  readonly subtitle?: ReactNode
  readonly children?: ReactNode
}

/** Title of a page with what can be done on it at the right. */
export function PageHeader({ title, subtitle, children }: PageHeaderProps): ReactNode {
  return (
    <header className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1 className="text-xl font-semibold tracking-[-0.018em]">{title}</h1>
        {subtitle ? <p className="text-sm text-muted">{subtitle}</p> : null}
      </div>
      {children ? <div className="flex flex-wrap items-center gap-2">{children}</div> : null}
    </header>
  )
}

export interface EmptyStateProps {
  readonly icon?: ReactNode
  readonly title: string
  readonly hint?: ReactNode
  readonly action?: ReactNode
  readonly testId?: string
}

/** Says why there is nothing and what to do next. */
export function EmptyState({ icon, title, hint, action, testId }: EmptyStateProps): ReactNode {
  return (
    <div
      data-testid={testId}
      className="mx-auto flex max-w-md flex-col items-center gap-3 px-6 py-14 text-center"
    >
      {icon ? <div className="text-faint">{icon}</div> : null}
      <p className="text-base font-semibold">{title}</p>
      {hint ? <div className="text-sm text-muted text-pretty">{hint}</div> : null}
      {action}
    </div>
  )
}

/** A grey bar where text will be. */
export function Skeleton({ className }: { readonly className?: string }): ReactNode {
  return <span aria-hidden className={cx('block animate-shimmer rounded bg-inset', className)} />
}
