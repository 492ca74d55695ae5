/** What each upstream did, how fast, and whether it is asked at all. */

import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Badge, Card } from '../../components/ui/Surface.tsx'
import { term } from '../../lib/dns/logFilter.ts'
import type { DnsStatistics, StatisticsRange } from '../../lib/dns/statistics.ts'
import { upstreamsQuery } from '../../lib/dns/upstreams.ts'
import { formatDecimal, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { logRange } from './logRange.ts'

export interface UpstreamsCardProps {
  readonly upstreams: DnsStatistics['upstreams']
  readonly range: StatisticsRange
}

const HEAD = 'px-2 py-2 text-end font-medium whitespace-nowrap'
const CELL = 'tabular px-2 py-2 text-end whitespace-nowrap'

export function UpstreamsCard({ upstreams, range }: UpstreamsCardProps): ReactNode {
  const { data: health } = useQuery(upstreamsQuery)
  return (
    <Card title={t('dns.upstreams')} testId="dns-upstreams">
      {upstreams.length === 0 ? (
        <p className="p-4 text-sm text-muted">{t('dns.upstreams.none')}</p>
      ) : (
        <div className="overflow-x-auto px-2 pb-1">
          <table className="w-full text-sm">
            <thead className="text-xs text-muted">
              <tr className="border-b border-line">
                <th className="px-2 py-2 text-start font-medium">{t('dns.upstreams.name')}</th>
                <th className={HEAD}>{t('dns.upstreams.questions')}</th>
                <th className={HEAD}>{t('dns.upstreams.failed')}</th>
                <th className={HEAD}>{t('dns.upstreams.p50')}</th>
                <th className={HEAD}>{t('dns.upstreams.p95')}</th>
                <th className={HEAD}>{t('dns.upstreams.state')}</th>
              </tr>
            </thead>
            <tbody className="divide-y divide-line">
              {upstreams.map((upstream) => (
                <tr key={upstream.name}>
                  <td className="max-w-72 truncate px-2 py-2">
                    <Link
                      to="/dns/log"
                      search={{ ...logRange(range), filter: term('upstream', upstream.name) }}
                      className="mono hover:underline"
                    >
                      {upstream.name}
                    </Link>
                  </td>
                  <td className={CELL}>{formatNumber(upstream.questions)}</td>
                  <td className={CELL}>{formatNumber(upstream.failed)}</td>
                  <td className={CELL}>{milliseconds(upstream.duration_ms_p50)}</td>
                  <td className={CELL}>{milliseconds(upstream.duration_ms_p95)}</td>
                  <td className={CELL}>
                    <State health={health?.find(({ name }) => name === upstream.name)} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  )
}

function milliseconds(value: number | null): string {
  return value === null ? '–' : t('dns.ms', { ms: formatDecimal(value) })
}

interface StateProps {
  readonly health: { readonly up: boolean; readonly last_error: string | null } | undefined
}

function State({ health }: StateProps): ReactNode {
  if (!health) return <Badge>{t('dns.upstreams.unused')}</Badge>
  if (health.up) return <Badge tone="ok">{t('dns.upstreams.up')}</Badge>
  return (
    <span title={health.last_error ?? undefined}>
      <Badge tone="bad">{t('dns.upstreams.down')}</Badge>
    </span>
  )
}
