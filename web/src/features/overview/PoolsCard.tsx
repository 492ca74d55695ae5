/** How full the pools are, the fullest first. */

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { UsageBar } from '../../components/UsageBar.tsx'
import { Card, Skeleton } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import { POOL_FULL_PERCENT, poolKey, usePools } from '../../lib/leases/pools.ts'

/** Pools shown; the page of pools has all. */
const SHOWN_MAX = 6

export function PoolsCard(): ReactNode {
  const { data } = usePools()
  const fullest = data
    ? [...data].sort((left, right) => right.usage_percentage - left.usage_percentage)
    : []
  return (
    <Card title={<Link to="/pools">{t('overview.pools')}</Link>}>
      {data === undefined ? (
        <div className="flex flex-col gap-3 p-4">
          <Skeleton className="h-3 w-full" />
          <Skeleton className="h-3 w-full" />
        </div>
      ) : fullest.length === 0 ? (
        <p className="p-4 text-sm text-muted">{t('overview.pools.none')}</p>
      ) : (
        <ul className="flex flex-col gap-1 p-4 py-3">
          {fullest.slice(0, SHOWN_MAX).map((pool) => (
            <li
              key={poolKey(pool)}
              className="grid h-8 grid-cols-[minmax(4rem,0.5fr)_minmax(0,1fr)] items-center gap-3"
            >
              <span className="truncate text-sm">{pool.pool_name}</span>
              <UsageBar
                label={t('pools.usage', { pool: pool.pool_name })}
                percent={pool.usage_percentage}
                warnFrom={POOL_FULL_PERCENT}
              />
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}
