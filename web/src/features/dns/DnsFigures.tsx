/** The figures on top of the page of DNS; each leads to what it counts. */

import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Sparkline } from '../../components/Sparkline.tsx'
import { StatCard } from '../../components/StatCard.tsx'
import { useLiveRate } from '../../lib/dns/liveRate.ts'
import { type DnsStatistics, type StatisticsRange, shareOf } from '../../lib/dns/statistics.ts'
import { formatDecimal, formatNumber, formatPercent } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { logRange } from './logRange.ts'

export interface DnsFiguresProps {
  readonly statistics: DnsStatistics
  readonly range: StatisticsRange
  readonly isRunning: boolean
}

export function DnsFigures({ statistics, range, isRunning }: DnsFiguresProps): ReactNode {
  const rate = useLiveRate(isRunning)
  const { statuses, total } = statistics
  const n = (...names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (statuses[name] ?? 0), 0)
  const percent = (...names: readonly string[]): string | null => {
    const share = shareOf(statistics, ...names)
    return share === null ? null : formatPercent(share)
  }
  const p95 = statistics.duration_ms_p95
  return (
    <section
      aria-label={t('dns.figures')}
      className="grid grid-cols-2 gap-3 lg:grid-cols-3 xl:grid-cols-6"
    >
      <Figure
        range={range}
        card={
          <StatCard
            testId="dns-stat-rate"
            title={t('dns.stat.rate')}
            hint={t('dns.stat.rate.hint', { n: statistics.per_second_peak })}
            value={formatDecimal(rate?.perSecond ?? statistics.per_second)}
            aside={
              rate ? (
                <span className="hidden sm:block xl:hidden 2xl:block">
                  <Sparkline
                    values={rate.seconds.map((second) => second.total)}
                    label={t('dns.stat.rate.line')}
                  />
                </span>
              ) : null
            }
          />
        }
      />
      <Figure
        range={range}
        card={
          <StatCard
            testId="dns-stat-total"
            title={t('dns.stat.total')}
            hint={t(`dns.range.long.${range}`)}
            value={total}
          />
        }
      />
      <Figure
        range={range}
        filter="status:blocked"
        card={
          <StatCard
            testId="dns-stat-blocked"
            title={t('dns.stat.blocked')}
            hint={t('dns.stat.of', { n: n('blocked') })}
            value={percent('blocked')}
          />
        }
      />
      <Figure
        range={range}
        filter="status:cached,stale"
        card={
          <StatCard
            testId="dns-stat-cached"
            title={t('dns.stat.cached')}
            hint={t('dns.stat.of', { n: n('cached', 'stale') })}
            value={percent('cached', 'stale')}
          />
        }
      />
      <Figure
        range={range}
        filter={p95 === null ? '' : `duration:>${Math.max(0, Math.floor(p95))}`}
        card={
          <StatCard
            testId="dns-stat-p95"
            title={t('dns.stat.p95')}
            hint={t('dns.stat.p95.hint', { ms: formatDecimal(statistics.duration_ms_mean) })}
            value={p95 === null ? null : t('dns.ms', { ms: formatDecimal(p95) })}
          />
        }
      />
      <Figure
        range={range}
        filter="status:failed,refused"
        card={
          <StatCard
            testId="dns-stat-failed"
            title={t('dns.stat.failed')}
            hint={t('dns.stat.failed.hint')}
            value={formatNumber(n('failed', 'refused'))}
          />
        }
      />
    </section>
  )
}

interface FigureProps {
  readonly range: StatisticsRange
  readonly filter?: string
  readonly card: ReactNode
}

function Figure({ range, filter = '', card }: FigureProps): ReactNode {
  return (
    <Link
      to="/dns/log"
      search={{ ...logRange(range), ...(filter ? { filter } : {}) }}
      className="block rounded-card transition-colors hover:[&>div]:border-line-strong [&>div]:h-full"
    >
      {card}
    </Link>
  )
}
