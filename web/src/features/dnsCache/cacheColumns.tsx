/** Columns of the cached answers. */

import { ShieldCheck } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Column } from '../../components/live-table/columns.ts'
import { Badge } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { cx } from '../../lib/cx.ts'
import { formatBytes, formatMoment, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type CacheRow, ttlText } from './cacheRows.ts'
import { FlushRowButton } from './FlushButtons.tsx'

/** A part of the time to live below which an answer is about to end, as the prefetch sees it. */
const ENDING_PART = 0.1

/** Counts down in number and length. */
function TimeLeft({ row }: { readonly row: CacheRow }): ReactNode {
  const nowMs = useNow('second')
  const left = (row.endsAtMs - nowMs) / 1000
  if (left < 0) {
    return (
      <Badge tone="warn">
        {t('dnsCache.ttl.stale')} <span className="tabular">{ttlText(-left)}</span>
      </Badge>
    )
  }
  const part = row.ttl_initial > 0 ? Math.min(1, left / row.ttl_initial) : 0
  return (
    <span className="flex items-center gap-2.5" title={formatMoment(row.endsAtMs)}>
      <span className="tabular shrink-0 sm:w-16 sm:text-end">{ttlText(left)}</span>
      <span
        role="meter"
        aria-label={t('dnsCache.ttl.label', { name: row.name, type: row.type })}
        aria-valuemin={0}
        aria-valuemax={row.ttl_initial}
        aria-valuenow={Math.floor(left)}
        className="hidden h-1.5 min-w-0 flex-1 overflow-hidden rounded-full bg-inset sm:block forced-colors:border"
      >
        <span
          className={cx(
            'block h-full rounded-full forced-colors:bg-[Highlight]',
            part < ENDING_PART ? 'bg-warn' : 'bg-accent',
          )}
          style={{ width: `${part * 100}%` }}
        />
      </span>
    </span>
  )
}

function Age({ row }: { readonly row: CacheRow }): ReactNode {
  const nowMs = useNow('second')
  const startedAtMs = row.endsAtMs - row.ttl_initial * 1000
  return <span title={formatMoment(startedAtMs)}>{ttlText((nowMs - startedAtMs) / 1000)}</span>
}

function Answer({ row }: { readonly row: CacheRow }): ReactNode {
  const text = [...row.chain, ...row.addresses].join(', ')
  if (row.rcode !== 'NOERROR') return <Badge>{row.rcode}</Badge>
  if (text === '') return <span className="text-faint">–</span>
  return (
    <span className="flex min-w-0 items-center gap-1.5">
      {row.authentic ? (
        <span title={t('dnsCache.authentic')} className="shrink-0 text-ok">
          <ShieldCheck size={14} aria-hidden />
          <span className="sr-only">{t('dnsCache.authentic')}</span>
        </span>
      ) : null}
      <span title={text} className="mono truncate">
        {text}
      </span>
    </span>
  )
}

const END = { isEnd: true, className: 'tabular' } as const

export const cacheColumns: readonly Column<CacheRow>[] = [
  {
    id: 'name',
    label: t('dnsCache.column.name'),
    track: 'minmax(6rem, 2.2fr)',
    fromWidth: 0,
    sortField: null,
    className: 'mono font-medium',
    cell: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    id: 'type',
    label: t('dnsCache.column.type'),
    track: '4.4rem',
    fromWidth: 0,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ type }) => type,
  },
  {
    id: 'ttl',
    label: t('dnsCache.column.ttl'),
    track: 'minmax(5.5rem, 1.2fr)',
    fromWidth: 0,
    sortField: null,
    cell: (row) => <TimeLeft row={row} />,
  },
  {
    id: 'answer',
    label: t('dnsCache.column.answer'),
    track: 'minmax(8rem, 1.6fr)',
    fromWidth: 720,
    sortField: null,
    className: 'text-muted',
    cell: (row) => <Answer row={row} />,
  },
  {
    id: 'upstream',
    label: t('dnsCache.column.upstream'),
    track: 'minmax(6rem, 0.9fr)',
    fromWidth: 1080,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ upstream }) => <span title={upstream ?? ''}>{upstream ?? '–'}</span>,
  },
  {
    id: 'size',
    label: t('dnsCache.column.size'),
    track: '5rem',
    fromWidth: 860,
    sortField: null,
    ...END,
    cell: ({ size_bytes }) => formatBytes(size_bytes),
  },
  {
    id: 'hits',
    label: t('dnsCache.column.hits'),
    track: '4.5rem',
    fromWidth: 560,
    sortField: null,
    ...END,
    cell: ({ hits }) => (hits === 0 ? <span className="text-faint">–</span> : formatNumber(hits)),
  },
  {
    id: 'age',
    label: t('dnsCache.column.age'),
    track: '5.5rem',
    fromWidth: 640,
    sortField: null,
    ...END,
    cell: (row) => <Age row={row} />,
  },
  {
    id: 'flush',
    label: t('dnsCache.column.flush'),
    track: '3.6rem',
    fromWidth: 0,
    sortField: null,
    isEnd: true,
    cell: ({ name, type }) => <FlushRowButton name={name} type={type} />,
  },
]
