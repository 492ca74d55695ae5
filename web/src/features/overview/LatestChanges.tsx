/** The latest changes of leases, renewals left out, as they happen. */

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Card } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { cx } from '../../lib/cx.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import {
  type ChangeType,
  type RecentChange,
  useRecentChanges,
} from '../../lib/leases/recentChanges.ts'
import type { FlashKind } from '../../lib/live/flashes.ts'

const SHOWN_MAX = 9

const DOTS: Readonly<Record<ChangeType, string>> = {
  added: 'bg-ok',
  updated: 'bg-info',
  renewed: 'bg-line-strong',
  removed: 'bg-bad',
  expired: 'bg-bad',
}

const FLASHES: Readonly<Record<ChangeType, FlashKind>> = {
  added: 'added',
  updated: 'updated',
  renewed: 'updated',
  removed: 'removed',
  expired: 'removed',
}

export function LatestChanges(): ReactNode {
  const changes = useRecentChanges().filter(({ type }) => type !== 'renewed')
  return (
    <Card
      title={t('overview.latest')}
      aside={
        <Link
          to="/leases"
          className="flex h-7 items-center text-sm font-medium text-accent-strong hover:underline"
        >
          {t('overview.latest.all')}
        </Link>
      }
    >
      {changes.length === 0 ? (
        <p className="p-4 text-sm text-muted">{t('overview.latest.none')}</p>
      ) : (
        <ol className="divide-y divide-line">
          {changes.slice(0, SHOWN_MAX).map((change) => (
            <Change key={change.id} change={change} />
          ))}
        </ol>
      )}
    </Card>
  )
}

function Change({ change }: { readonly change: RecentChange }): ReactNode {
  const nowMs = useNow('minute')
  const { type, atMs } = change
  return (
    <li className="relative">
      <Link
        to="/leases"
        search={{ lease: change.leaseId }}
        className="grid h-10 grid-cols-[0.5rem_minmax(0,1fr)_6rem] items-center gap-x-3 px-4 text-sm hover:bg-inset sm:grid-cols-[0.5rem_minmax(0,1.2fr)_minmax(0,1fr)_minmax(0,1.2fr)_6rem]"
      >
        <span aria-hidden className={cx('size-2 rounded-full', DOTS[type])} />
        <span className="truncate font-medium">{change.hostname ?? change.address}</span>
        <span className="mono hidden truncate text-muted sm:block">{change.address}</span>
        <span className="hidden truncate text-muted sm:block">
          {type === 'updated'
            ? t('leases.change.updated', { fields: change.changed.join(', ') })
            : t(`leases.change.${type}`)}
        </span>
        <time className="tabular truncate text-end text-muted" title={formatMoment(atMs)}>
          {agoText(atMs, nowMs)}
        </time>
      </Link>
      {change.isNew ? (
        <span
          aria-hidden
          className="flash"
          data-flash={FLASHES[type]}
          style={{
            animationName: 'flash-fade',
            animationDelay: `${Math.min(0, atMs - Date.now())}ms`,
          }}
        />
      ) : null}
    </li>
  )
}
