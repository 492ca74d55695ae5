/** What became of a question, in colour and word. */

import type { ReactNode } from 'react'
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

export function StatusBadge({ status }: { readonly status: string }): ReactNode {
  const known = knownStatus(status)
  return <Badge tone={known === null ? 'neutral' : TONES[known]}>{statusLabel(status)}</Badge>
}
