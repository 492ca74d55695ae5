/** The watched DHCP servers: whether what is shown is what they say. */

import type { ReactNode } from 'react'
import { Badge, type BadgeTone, Card } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { t } from '../../lib/i18n.ts'
import { useSources } from '../../lib/sources.ts'
import type { SourceStatus } from '../../lib/status.ts'

const TONES: Readonly<Record<string, BadgeTone>> = { ok: 'ok', starting: 'info', stale: 'bad' }

export function SourcesCard(): ReactNode {
  const sources = useSources()
  return (
    <Card title={t('overview.health')}>
      {sources.length === 0 ? (
        <p className="p-4 text-sm text-muted">{t('overview.health.none')}</p>
      ) : (
        <ul className="divide-y divide-line">
          {sources.map((source) => (
            <Source key={source.id} source={source} />
          ))}
        </ul>
      )}
    </Card>
  )
}

function Source({ source }: { readonly source: SourceStatus }): ReactNode {
  const nowMs = useNow('minute')
  const { health, read_at: readAt, problems_total: nProblems } = source
  const isKnown = health === 'ok' || health === 'starting' || health === 'stale'
  return (
    <li className="px-4 py-3 text-sm">
      <div className="flex items-center justify-between gap-3">
        <span className="truncate font-medium">{source.id}</span>
        <Badge tone={TONES[health] ?? 'neutral'}>
          {isKnown ? t(`overview.health.${health}`) : health}
        </Badge>
      </div>
      <p className="mono truncate text-xs text-muted" title={source.path}>
        {source.format} · {source.path}
      </p>
      <p className="tabular text-xs text-muted">
        {t('overview.health.leases', { n: source.leases })}
        {readAt
          ? ` · ${t('overview.health.read', { time: agoText(Date.parse(readAt), nowMs) })}`
          : ''}
      </p>
      {source.reason ? <p className="mt-1 text-xs text-bad">{source.reason}</p> : null}
      {nProblems > 0 ? (
        <details className="mt-1 text-xs text-warn">
          <summary className="w-fit rounded">
            {t('overview.health.problems', { n: nProblems })}
          </summary>
          <ul className="mono mt-1 text-muted">
            {source.problems.map((problem) => (
              <li key={`${problem.path}${problem.line}`} className="break-words">
                {problem.path ? `${problem.path}:` : ''}
                {problem.line}: {problem.reason}
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </li>
  )
}
