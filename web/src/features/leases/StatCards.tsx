/** The four figures below the lease table. */

import type { ReactNode } from 'react'
import { StatCard } from '../../components/StatCard.tsx'
import { t } from '../../lib/i18n.ts'
import { useStatistics } from '../../lib/leases/statistics.ts'

export function StatCards(): ReactNode {
  const { data, error } = useStatistics()
  const missing = error && !data ? null : undefined
  return (
    <section
      aria-label={t('stats.label')}
      data-testid="stats-cards"
      className="grid grid-cols-2 gap-3 lg:grid-cols-4"
    >
      <StatCard
        testId="stat-total-leases"
        title={t('stats.total')}
        hint={t('stats.total.hint')}
        value={data?.total_leases ?? missing}
      />
      <StatCard
        testId="stat-available-ips"
        title={t('stats.available')}
        hint={t('stats.available.hint')}
        value={data?.available_ips ?? missing}
      />
      <StatCard
        testId="stat-expiring-today"
        title={t('stats.expiring')}
        hint={t('stats.expiring.hint')}
        value={data?.expiring_today ?? missing}
      />
      <StatCard
        testId="stat-device-types"
        title={t('stats.devices')}
        hint={t('stats.devices.hint')}
        value={data?.device_types ?? missing}
      />
    </section>
  )
}
