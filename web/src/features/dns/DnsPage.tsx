/** DNS at a glance: figures, questions over time, and who and what is behind them. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { CircleAlert } from 'lucide-react'
import { type ReactNode, useMemo } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { DnsOffLine } from '../../components/DnsOffLine.tsx'
import { EmptyState, PageHeader, Skeleton } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { STATISTICS_RANGES, statisticsQuery } from '../../lib/dns/statistics.ts'
import { t } from '../../lib/i18n.ts'
import { BarCards } from './BarCards.tsx'
import { DnsFigures } from './DnsFigures.tsx'
import { TimeChart } from './TimeChart.tsx'
import { timeBars } from './timeBars.ts'
import { UpstreamsCard } from './UpstreamsCard.tsx'

export function DnsPage(): ReactNode {
  const { range = '24h' } = useSearch({ from: '/dns' })
  const navigate = useNavigate({ from: '/dns' })
  const { data: status } = useDnsStatus()
  const { data, error } = useQuery(statisticsQuery(range))
  const nowMs = useNow('minute')
  const bars = useMemo(() => (data ? timeBars(data, range, nowMs) : []), [data, range, nowMs])
  return (
    <div data-testid="dns-page" className="mx-auto flex max-w-7xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('dns.title')} subtitle={t('dns.subtitle')}>
        <Choices
          label={t('dns.range')}
          value={range}
          options={STATISTICS_RANGES.map((value) => ({ value, label: t(`dns.range.${value}`) }))}
          onChange={(next) => void navigate({ search: { range: next } })}
        />
      </PageHeader>
      <DnsOffLine status={status} />
      {data ? (
        <>
          <DnsFigures statistics={data} range={range} isRunning={status?.running ?? false} />
          <TimeChart bars={bars} range={range} />
          <UpstreamsCard upstreams={data.upstreams} range={range} />
          <BarCards statistics={data} range={range} />
        </>
      ) : error ? (
        <EmptyState
          icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
          title={t('dns.failed')}
          hint={error.message}
        />
      ) : (
        <Skeleton className="h-24 w-full" />
      )}
    </div>
  )
}
