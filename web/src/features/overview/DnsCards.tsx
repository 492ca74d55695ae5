/** DNS on the overview: how much is asked, what is blocked, who asks. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { BarList } from '../../components/BarList.tsx'
import { Sparkline } from '../../components/Sparkline.tsx'
import { StatCard } from '../../components/StatCard.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { useLiveRate } from '../../lib/dns/liveRate.ts'
import { term } from '../../lib/dns/logFilter.ts'
import { type DnsCount, shareOf, statisticsQuery } from '../../lib/dns/statistics.ts'
import { formatDecimal, formatPercent } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { useLeasesByAddress } from '../../lib/leases/leaseByAddress.ts'

/** Lines of a list; the page of DNS has more. */
const SHOWN_MAX = 5

export function DnsCards(): ReactNode {
  const leases = useLeasesByAddress()
  const { data } = useQuery(statisticsQuery('1h'))
  return (
    <>
      <Figures />
      <div className="grid items-start gap-4 md:grid-cols-2">
        <TopCard
          title={t('overview.dns.topBlocked')}
          empty={t('overview.dns.topBlocked.none')}
          counts={data?.top_blocked ?? []}
          filter={(name) => `${term('name', `=${name}`)} status:blocked`}
          label={(name) => name}
          isBad
        />
        <TopCard
          title={t('overview.dns.topClients')}
          empty={t('overview.dns.topClients.none')}
          counts={data?.top_clients ?? []}
          filter={(address) => term('client', address)}
          label={(address) => leases.get(address)?.wire.hostname ?? address}
        />
      </div>
    </>
  )
}

function Figures(): ReactNode {
  const { data, error } = useQuery(statisticsQuery('1h'))
  const { data: status } = useDnsStatus()
  const rate = useLiveRate(status?.running ?? false)
  const missing = error && !data ? null : undefined
  const percent = (...statuses: readonly string[]): string | null | undefined => {
    if (!data) return missing
    const share = shareOf(data, ...statuses)
    return share === null ? null : formatPercent(share)
  }
  const p95 = data?.duration_ms_p95
  return (
    <section
      aria-label={t('overview.dns')}
      data-testid="overview-dns"
      className="grid grid-cols-2 gap-3 lg:grid-cols-4"
    >
      <Linked>
        <StatCard
          testId="overview-dns-rate"
          title={t('overview.dns.rate')}
          hint={t('overview.dns.rate.hint', { n: data?.total ?? 0 })}
          value={data ? formatDecimal(rate?.perSecond ?? data.per_second) : missing}
          aside={
            rate ? (
              <span className="hidden sm:block">
                <Sparkline
                  values={rate.seconds.map(({ total }) => total)}
                  label={t('dns.stat.rate.line')}
                />
              </span>
            ) : null
          }
        />
      </Linked>
      <Linked filter="status:blocked">
        <StatCard
          testId="overview-dns-blocked"
          title={t('overview.dns.blocked')}
          hint={t('overview.dns.blocked.hint', { n: data?.statuses.blocked ?? 0 })}
          value={percent('blocked')}
        />
      </Linked>
      <Linked filter="status:cached,stale">
        <StatCard
          title={t('overview.dns.cached')}
          hint={t('overview.dns.cached.hint')}
          value={percent('cached', 'stale')}
        />
      </Linked>
      <Linked>
        <StatCard
          testId="overview-dns-p95"
          title={t('overview.dns.p95')}
          hint={t('overview.dns.p95.hint', { ms: formatDecimal(data?.duration_ms_mean ?? 0) })}
          value={p95 ? t('dns.ms', { ms: formatDecimal(p95) }) : data ? null : missing}
        />
      </Linked>
    </section>
  )
}

interface LinkedProps {
  readonly filter?: string
  readonly children: ReactNode
}

function Linked({ filter, children }: LinkedProps): ReactNode {
  return (
    <Link
      to="/dns/log"
      search={{ range: '1h', ...(filter ? { filter } : {}) }}
      className="block rounded-card transition-colors hover:[&>div]:border-line-strong [&>div]:h-full"
    >
      {children}
    </Link>
  )
}

interface TopCardProps {
  readonly title: string
  readonly empty: string
  readonly counts: readonly DnsCount[]
  readonly filter: (name: string) => string
  readonly label: (name: string) => string
  readonly isBad?: boolean
}

function TopCard({ title, empty, counts, filter, label, isBad }: TopCardProps): ReactNode {
  return (
    <Card
      title={title}
      aside={
        <Link
          to="/dns"
          search={{ range: '1h' }}
          className="flex h-7 items-center text-sm font-medium text-accent-strong hover:underline"
        >
          {t('overview.dns.all')}
        </Link>
      }
    >
      <BarList
        empty={empty}
        items={counts.slice(0, SHOWN_MAX).map(({ name, count }) => ({
          key: name,
          label: label(name),
          n: count,
          tone: isBad ? 'bad' : 'accent',
          link: (line, className) => (
            <Link
              to="/dns/log"
              search={{ range: '1h', filter: filter(name) }}
              className={className}
            >
              {line}
            </Link>
          ),
        }))}
      />
    </Card>
  )
}
