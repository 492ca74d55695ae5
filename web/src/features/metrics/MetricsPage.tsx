/** The server's figures over the last hour, as this tab has seen them. */

import { ArrowUpRight } from 'lucide-react'
import { type ReactNode, useMemo, useState, useSyncExternalStore } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { serverUrl } from '../../lib/api.ts'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { useModules } from '../../lib/modules.ts'
import { Chart } from './Chart.tsx'
import { charts } from './charts.ts'
import { LOOK_MS, metricsState, subscribeMetrics } from './metricsHistory.ts'
import { useThemeName } from './useThemeName.ts'

/** Ranges in seconds. */
const RANGES = ['300', '1800', '3600'] as const

export function MetricsPage(): ReactNode {
  const { looks, error } = useSyncExternalStore(subscribeMetrics, metricsState)
  const [range, setRange] = useState<(typeof RANGES)[number]>('300')
  const modules = useModules()
  const theme = useThemeName()
  const newestMs = looks.at(-1)?.atMs ?? 0
  const shown = useMemo(
    () => looks.filter(({ atMs }) => newestMs - atMs <= Number(range) * 1000),
    [looks, newestMs, range],
  )
  const since = looks[0]?.atMs
  return (
    <div className="flex flex-col gap-4 p-3 md:p-5">
      <PageHeader
        title={t('metrics.title')}
        subtitle={
          since === undefined
            ? t('metrics.subtitle')
            : t('metrics.since', { time: formatClock(since), n: LOOK_MS / 1000 })
        }
      >
        <Choices
          label={t('metrics.range')}
          value={range}
          options={RANGES.map((value) => ({ value, label: t(`metrics.range.${value}`) }))}
          onChange={setRange}
        />
        <a
          href={serverUrl('/metrics')}
          target="_blank"
          rel="noreferrer"
          className="flex h-8 items-center gap-1.5 rounded-control border border-line-strong bg-surface px-3 text-sm font-medium hover:bg-inset"
        >
          {t('metrics.raw')}
          <ArrowUpRight size={14} aria-hidden />
        </a>
      </PageHeader>
      {error ? (
        <p role="status" className="rounded-control bg-warn-tint px-3 py-2 text-sm text-warn">
          {t('metrics.failed', { reason: error.message })}
        </p>
      ) : null}
      <div className="grid gap-4 lg:grid-cols-2 2xl:grid-cols-3">
        {charts
          .filter(({ id }) => id !== 'leases' || modules.has('dhcp'))
          .map((chart) => (
            <Chart key={chart.id} chart={chart} looks={shown} theme={theme} />
          ))}
      </div>
    </div>
  )
}
