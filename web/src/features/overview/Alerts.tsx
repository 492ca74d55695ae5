/** What needs somebody's attention, on top of the overview. */

import { useQuery } from '@tanstack/react-query'
import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { formatDuration, formatPercent } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { POOL_FULL_PERCENT, poolKey, usePools } from '../../lib/leases/pools.ts'
import { useSources } from '../../lib/sources.ts'
import { serverStatusQuery } from '../../lib/status.ts'

/** Clocks may differ by so much before lease times look wrong. */
const SKEW_MAX_MS = 60_000

interface Alert {
  readonly key: string
  readonly text: string
}

export function Alerts(): ReactNode {
  const { data: pools } = usePools()
  const { data: status } = useQuery(serverStatusQuery)
  const sources = useSources()
  const alerts: Alert[] = []
  for (const pool of pools ?? []) {
    if (pool.usage_percentage < POOL_FULL_PERCENT) continue
    const percent = formatPercent(pool.usage_percentage)
    const text = t('overview.alert.pool', { pool: pool.pool_name, percent })
    alerts.push({ key: poolKey(pool), text })
  }
  for (const source of sources) {
    if (!source.stale) continue
    const reason = source.reason ?? t('common.unknown')
    const text = t('overview.alert.source', { source: source.id, reason })
    alerts.push({ key: source.id, text })
  }
  const skewMs = Math.abs(status?.clockSkewMs ?? 0)
  if (skewMs > SKEW_MAX_MS) {
    alerts.push({ key: 'skew', text: t('overview.alert.skew', { time: formatDuration(skewMs) }) })
  }
  if (alerts.length === 0) return null
  return (
    <section
      aria-label={t('overview.alerts')}
      className="rounded-card border border-line bg-bad-tint px-4 py-3 text-sm"
    >
      <ul className="flex flex-col gap-1.5">
        {alerts.map(({ key, text }) => (
          <li key={key} className="flex items-start gap-2.5">
            <TriangleAlert size={16} aria-hidden className="mt-0.5 shrink-0 text-bad" />
            <span className="min-w-0">{text}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
