/** What runs here: versions, clocks, documents, licences. */

import { useQuery } from '@tanstack/react-query'
import { ArrowUpRight } from 'lucide-react'
import type { ReactNode } from 'react'
import { Card, PageHeader, Skeleton } from '../../components/ui/Surface.tsx'
import { serverUrl } from '../../lib/api.ts'
import { formatDuration, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { serverStatusQuery, type TimedStatus } from '../../lib/status.ts'

/** Clocks that differ by less look the same to people. */
const SKEW_SHOWN_MS = 2000

export function AboutPage(): ReactNode {
  const { data, error } = useQuery(serverStatusQuery)
  return (
    <div className="mx-auto flex max-w-3xl flex-col gap-5 p-4 md:p-6">
      <PageHeader title={t('about.title')} subtitle={t('about.subtitle')} />
      <Card title={t('about.server')}>
        {error ? <p className="p-4 text-sm text-bad">{error.message}</p> : <Facts status={data} />}
      </Card>
      <Card title={t('about.documents')}>
        <ul className="p-2 text-sm">
          <DocumentLink path="/api/v1/docs" text={t('about.docs')} />
          <DocumentLink path="/api/v1/openapi.json" text={t('about.openapi')} />
          <DocumentLink path="/metrics" text={t('about.metrics')} />
        </ul>
      </Card>
      <Card title={t('about.privacy')}>
        <p className="p-4 text-sm text-muted text-pretty">{t('about.privacy.text')}</p>
      </Card>
      <Card title={t('about.licence')}>
        <p className="p-4 text-sm text-muted text-pretty">{t('about.licence.text')}</p>
      </Card>
    </div>
  )
}

function Facts({ status }: { readonly status: TimedStatus | undefined }): ReactNode {
  const rows: readonly (readonly [string, ReactNode])[] = [
    [t('about.version'), status?.version],
    [t('about.streams'), status && formatNumber(status.active_connections)],
    [t('about.clock'), status && skewText(status.clockSkewMs)],
    [
      t('about.sources'),
      status && (status.sources.map((source) => source.id).join(', ') || t('common.none')),
    ],
  ]
  return (
    <dl className="divide-y divide-line px-4 text-sm">
      {rows.map(([name, value]) => (
        <div key={name} className="flex min-h-10 items-center justify-between gap-6 py-2">
          <dt className="text-muted">{name}</dt>
          <dd className="tabular min-w-0 text-end break-words">
            {value ?? <Skeleton className="h-4 w-24" />}
          </dd>
        </div>
      ))}
    </dl>
  )
}

function skewText(skewMs: number): string {
  if (Math.abs(skewMs) < SKEW_SHOWN_MS) return t('about.clock.agrees')
  const time = formatDuration(Math.abs(skewMs))
  return t(skewMs > 0 ? 'about.clock.ahead' : 'about.clock.behind', { time })
}

interface DocumentLinkProps {
  readonly path: string
  readonly text: string
}

function DocumentLink({ path, text }: DocumentLinkProps): ReactNode {
  return (
    <li>
      <a
        href={serverUrl(path)}
        target="_blank"
        rel="noreferrer"
        className="flex h-9 items-center justify-between gap-4 rounded-control px-2 hover:bg-inset"
      >
        <span className="text-accent-strong">{text}</span>
        <span className="mono flex items-center gap-1.5 text-muted">
          {path}
          <ArrowUpRight size={14} aria-hidden />
        </span>
      </a>
    </li>
  )
}
