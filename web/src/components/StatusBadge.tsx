/** What became of a question, in colour and word. */

import type { ReactNode } from 'react'
import { cx } from '../lib/cx.ts'
import { knownStatus, type QueryStatus, statusLabel } from '../lib/dns/statusLabel.ts'
import { Badge, type BadgeTone } from './ui/Surface.tsx'

const TONES: Readonly<Record<QueryStatus, BadgeTone>> = {
  forwarded: 'neutral',
  cached: 'ok',
  stale: 'warn',
  blocked: 'bad',
  rewritten: 'info',
  local: 'info',
  refused: 'warn',
  failed: 'warn',
}

const DOTS: Readonly<Record<BadgeTone, string>> = {
  neutral: 'bg-line-strong',
  ok: 'bg-ok',
  info: 'bg-info',
  warn: 'bg-warn',
  bad: 'bg-bad',
}

export function StatusBadge({ status }: { readonly status: string }): ReactNode {
  const known = knownStatus(status)
  return <Badge tone={known === null ? 'neutral' : TONES[known]}>{statusLabel(status)}</Badge>
}

export interface StatusDotProps {
  readonly status: string
  readonly className?: string
}

/** The same where there is no room for the word, which is read out. */
export function StatusDot({ status, className }: StatusDotProps): ReactNode {
  const known = knownStatus(status)
  return (
    <span
      role="img"
      aria-label={statusLabel(status)}
      className={cx(
        'inline-block size-2 rounded-full forced-colors:bg-[CanvasText]',
        DOTS[known === null ? 'neutral' : TONES[known]],
        className,
      )}
    />
  )
}
