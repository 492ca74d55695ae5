/** The upstreams and how they do: who answers, how fast, who is left alone and why. */

import { queryOptions, useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import * as z from 'zod/mini'
import { Badge, Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { getJson } from '../../lib/api.ts'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { formatDecimal } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

/** Time between two looks while somebody looks. */
const REFRESH_MS = 3000

const upstream = z.object({
  name: z.string(),
  up: z.boolean(),
  latency_ms: z.optional(z.nullable(z.number())),
  questions: z.number(),
  answers: z.number(),
  failures: z.number(),
  last_error: z.optional(z.nullable(z.string())),
  last_used: z.optional(z.nullable(z.string())),
})
const upstreams = z.object({ upstreams: z.array(upstream) })

type Upstream = z.infer<typeof upstream>

const upstreamsQuery = queryOptions({
  queryKey: ['dns', 'upstreams'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/upstreams',
      (value): readonly Upstream[] => upstreams.parse(value).upstreams,
      signal,
    ),
  refetchInterval: REFRESH_MS,
})

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

function Line({ upstream: found }: { readonly upstream: Upstream }): ReactNode {
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
          {typeof latency === 'number' ? (
            <span className="tabular text-muted">
              {t('dnsControl.upstreams.latency', { ms: formatDecimal(latency) })}
            </span>
          ) : null}
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

function Health({ upstream: found }: { readonly upstream: Upstream }): ReactNode {
  if (!found.up) return <Badge tone="bad">{t('dnsControl.upstreams.down')}</Badge>
  if (found.questions === 0) return <Badge>{t('dnsControl.upstreams.unused')}</Badge>
  return <Badge tone="ok">{t('dnsControl.upstreams.up')}</Badge>
}
