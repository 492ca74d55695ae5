/** Thin line under the head of a table while its rows may be old. */

import type { ReactNode } from 'react'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

export function NotLiveLine({ sinceMs }: { readonly sinceMs: number | null }): ReactNode {
  if (sinceMs === null) return null
  return (
    <div
      role="presentation"
      data-testid="not-live"
      className="border-b border-warn bg-warn-tint px-5 py-1 text-xs font-medium text-warn"
    >
      {t('table.notLive', { time: formatClock(sinceMs) })}
    </div>
  )
}
