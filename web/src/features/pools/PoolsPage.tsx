/** The pools: how full they are and which addresses are taken. */

import { CircleAlert, Rows3 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Card, EmptyState, PageHeader, Skeleton } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import { poolKey, usePools } from '../../lib/leases/pools.ts'
import { useLeaseList } from '../../lib/leases/useLeaseList.ts'
import { PoolCard } from './PoolCard.tsx'

export function PoolsPage(): ReactNode {
  const { data, error } = usePools()
  const leases = useLeaseList()
  return (
    <div className="mx-auto flex max-w-5xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('pools.title')} subtitle={t('pools.subtitle')} />
      {data === undefined ? (
        error ? (
          <EmptyState
            icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
            title={t('pools.failed')}
            hint={error.message}
          />
        ) : (
          <Card className="flex flex-col gap-3 p-4">
            <Skeleton className="h-4 w-40" />
            <Skeleton className="h-3 w-full" />
          </Card>
        )
      ) : data.length === 0 ? (
        <EmptyState
          icon={<Rows3 size={28} aria-hidden />}
          title={t('pools.empty')}
          hint={t('pools.empty.hint')}
        />
      ) : (
        data.map((pool) => <PoolCard key={poolKey(pool)} pool={pool} leases={leases} />)
      )}
    </div>
  )
}
