/** Lists of names, clients, types and codes, the most first; each line leads to the log. */

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { type BarItem, BarList } from '../../components/BarList.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { term } from '../../lib/dns/logFilter.ts'
import type { DnsCount, DnsStatistics, StatisticsRange } from '../../lib/dns/statistics.ts'
import { statusLabel } from '../../lib/dns/statusLabel.ts'
import { t } from '../../lib/i18n.ts'
import { useLeasesByAddress } from '../../lib/leases/leaseByAddress.ts'
import { logRange } from './logRange.ts'

/** Lines of a list. */
const SHOWN_MAX = 10

export interface BarCardsProps {
  readonly statistics: DnsStatistics
  readonly range: StatisticsRange
}

export function BarCards({ statistics, range }: BarCardsProps): ReactNode {
  const leases = useLeasesByAddress()
  const item = (
    { name, count }: DnsCount,
    filter: string,
    more: Partial<BarItem> = {},
  ): BarItem => ({
    key: name,
    label: name,
    n: count,
    link: (line, className) => (
      <Link to="/dns/log" search={{ ...logRange(range), filter }} className={className}>
        {line}
      </Link>
    ),
    ...more,
  })
  const cards: readonly (readonly [id: string, title: string, items: readonly BarItem[]])[] = [
    [
      'blocked',
      t('dns.top.blocked'),
      statistics.top_blocked.map((count) =>
        item(count, `${term('name', `=${count.name}`)} status:blocked`, { tone: 'bad' }),
      ),
    ],
    [
      'clients',
      t('dns.top.clients'),
      statistics.top_clients.map((count) => {
        const hostname = leases.get(count.name)?.wire.hostname
        const label = hostname ? (
          <>
            {hostname} <span className="mono text-muted">{count.name}</span>
          </>
        ) : (
          <span className="mono">{count.name}</span>
        )
        return item(count, term('client', count.name), { label })
      }),
    ],
    [
      'names',
      t('dns.top.names'),
      statistics.top_names.map((count) => item(count, term('name', `=${count.name}`))),
    ],
    [
      'types',
      t('dns.top.types'),
      sorted(statistics.types).map((count) => item(count, term('type', count.name))),
    ],
    [
      'rcodes',
      t('dns.top.rcodes'),
      sorted(statistics.rcodes).map((count) => {
        const isFine = count.name === 'NOERROR'
        return item(count, term('rcode', count.name), { tone: isFine ? 'accent' : 'warn' })
      }),
    ],
    [
      'statuses',
      t('dns.top.statuses'),
      sorted(statistics.statuses).map((count) =>
        item(count, term('status', count.name), {
          label: statusLabel(count.name),
          tone: count.name === 'blocked' ? 'bad' : 'accent',
        }),
      ),
    ],
  ]
  return (
    <div className="grid items-start gap-4 md:grid-cols-2 xl:grid-cols-3">
      {cards.map(([id, title, items]) => (
        <Card key={id} title={title} testId={`dns-top-${id}`}>
          <BarList items={items.slice(0, SHOWN_MAX)} empty={t('dns.top.none')} />
        </Card>
      ))}
    </div>
  )
}

function sorted(counts: Readonly<Record<string, number>>): readonly DnsCount[] {
  return Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => ({ name, count }))
    .sort((left, right) => right.count - left.count)
}
