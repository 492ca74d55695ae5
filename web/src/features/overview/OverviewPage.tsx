/** The whole at a glance: figures, activity, pools, sources, and what needs attention. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { StatCard } from '../../components/StatCard.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { formatDecimal } from '../../lib/format.ts'
import { hubStatsQuery } from '../../lib/hubStats.ts'
import { t } from '../../lib/i18n.ts'
import { usePools } from '../../lib/leases/pools.ts'
import { useStatistics } from '../../lib/leases/statistics.ts'
import { useModules } from '../../lib/modules.ts'
import { ActivityCard } from './ActivityCard.tsx'
import { Alerts } from './Alerts.tsx'
import { DnsCards } from './DnsCards.tsx'
import { FirstRun } from './FirstRun.tsx'
import { LatestChanges } from './LatestChanges.tsx'
import { PoolsCard } from './PoolsCard.tsx'
import { SourcesCard } from './SourcesCard.tsx'

export function OverviewPage(): ReactNode {
  const modules = useModules()
  const hasLeases = modules.has('dhcp')
  const hasDns = modules.has('dns')
  return (
    <div className="mx-auto flex max-w-7xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('overview.title')} />
      <Alerts />
      {hasLeases ? <Figures /> : null}
      {hasDns ? <DnsCards /> : null}
      {hasLeases ? (
        <>
          <ActivityCard />
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1.4fr)_minmax(0,1fr)]">
            <LatestChanges />
            <div className="flex min-w-0 flex-col gap-4">
              <PoolsCard />
              <SourcesCard />
            </div>
          </div>
        </>
      ) : hasDns ? null : (
        <FirstRun />
      )}
    </div>
  )
}

function Figures(): ReactNode {
  const { data: figures, error } = useStatistics()
  const { data: pools } = usePools()
  const { data: hub, error: hubError } = useQuery(hubStatsQuery)
  const missing = error && !figures ? null : undefined
  return (
    <section aria-label={t('stats.label')} className="grid grid-cols-2 gap-3 lg:grid-cols-4">
      <StatCard
        title={t('overview.active')}
        hint={t('overview.active.hint', { n: pools?.length ?? 0 })}
        value={figures?.total_leases ?? missing}
      />
      <StatCard
        title={t('overview.available')}
        hint={t('overview.available.hint')}
        value={figures?.available_ips ?? missing}
      />
      <StatCard
        title={t('overview.expiring')}
        hint={t('overview.expiring.hint')}
        value={figures?.expiring_today ?? missing}
      />
      <StatCard
        title={t('overview.hub')}
        hint={t('overview.hub.hint', { rate: formatDecimal(hub?.published_per_second ?? 0) })}
        value={hub?.connections ?? (hubError ? null : undefined)}
      />
    </section>
  )
}
