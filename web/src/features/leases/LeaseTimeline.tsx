/** The latest changes of one lease. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Skeleton } from '../../components/ui/Surface.tsx'
import { ApiError } from '../../lib/api.ts'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { cx } from '../../lib/cx.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { leaseHistoryQuery, type PastChange } from './leaseHistory.ts'

const DOTS: Readonly<Record<PastChange['type'], string>> = {
  added: 'bg-ok',
  updated: 'bg-info',
  renewed: 'bg-line-strong',
  removed: 'bg-bad',
  expired: 'bg-bad',
}

export function LeaseTimeline({ lease }: { readonly lease: Lease }): ReactNode {
  const { data, error } = useQuery(leaseHistoryQuery(lease))
  const nowMs = useNow('minute')
  if (error && !(error instanceof ApiError && error.status === 404)) {
    return (
      <p className="text-sm text-bad">
        {t('leases.drawer.timeline.failed', { reason: error.message })}
      </p>
    )
  }
  if (data === undefined && !error) return <Skeleton className="h-4 w-40" />
  if (!data || data.length === 0) {
    return <p className="text-sm text-muted">{t('leases.drawer.timeline.none')}</p>
  }
  return (
    <ol className="text-sm">
      {data.map((change) => (
        <li key={`${change.atMs}${change.type}`} className="flex min-h-7 items-center gap-3">
          <span aria-hidden className={cx('size-2 shrink-0 rounded-full', DOTS[change.type])} />
          <span className="min-w-0 flex-1 truncate">
            {change.type === 'updated'
              ? t('leases.change.updated', { fields: change.changed.join(', ') })
              : t(`leases.change.${change.type}`)}
          </span>
          <time className="tabular shrink-0 text-muted" title={formatMoment(change.atMs)}>
            {agoText(change.atMs, nowMs)}
          </time>
        </li>
      ))}
    </ol>
  )
}
