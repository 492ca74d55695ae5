/** The upstreams and how they do: who answers, how fast, who is left alone and why. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Badge, Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { type UpstreamHealth, upstreamsQuery } from '../../lib/dns/upstreams.ts'
import { formatDecimal } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

export function UpstreamsCard(): ReactNode {
  const { data, error } = useQuery(upstreamsQuery)
  return (
    <Card title={t('dnsControl.upstreams')}>
      {data === undefined && error === null ? <Skeleton className="m-4 h-12" /> : null}
      {data === undefined && error ? (
        <EmptyState title={t('dnsControl.upstreams.failed')} hint={error.message} />
      ) : null}
      {data?.length === 0 ? (
        <p className="p-4 text-sm text-muted">{t('dnsControl.upstreams.none')}</p>
      ) : null}
      <ul className="divide-y divide-line">
        {data?.map((found) => (
          <Line key={found.name} upstream={found} />
        ))}
      </ul>
    </Card>
  )
}

function Line({ upstream: found }: { readonly upstream: UpstreamHealth }): ReactNode {
  const nowMs = useNow('minute')
  const { latency_ms: latency, last_used: lastUsed, failures } = found
  const facts = [
    t('dnsControl.upstreams.questions', { n: found.questions }),
    ...(failures > 0 ? [t('dnsControl.upstreams.failures', { n: failures })] : []),
    ...(lastUsed
      ? [t('dnsControl.upstreams.used', { time: agoText(Date.parse(lastUsed), nowMs) })]
      : []),
  ]
  return (
    <li data-testid="upstream" className="px-4 py-3 text-sm">
      <div className="flex items-center justify-between gap-3">
        <span className="mono min-w-0 truncate font-medium" title={found.name}>
          {found.name}
        </span>
        <span className="flex shrink-0 items-center gap-3">
          {latency === null ? null : (
            <span className="tabular text-muted">
              {t('dnsControl.upstreams.latency', { ms: formatDecimal(latency) })}
            </span>
          )}
          <Health upstream={found} />
        </span>
      </div>
      <p className="tabular text-xs text-muted">{facts.join(' · ')}</p>
      {found.last_error && (!found.up || failures > 0) ? (
        <p className={found.up ? 'text-xs text-muted' : 'text-xs text-bad'}>
          {t('dnsControl.upstreams.error', { reason: found.last_error })}
        </p>
      ) : null}
    </li>
  )
}

function Health({ upstream: found }: { readonly upstream: UpstreamHealth }): ReactNode {
  if (!found.up) return <Badge tone="bad">{t('dnsControl.upstreams.down')}</Badge>
  if (found.questions === 0) return <Badge>{t('dnsControl.upstreams.unused')}</Badge>
  return <Badge tone="ok">{t('dnsControl.upstreams.up')}</Badge>
}
