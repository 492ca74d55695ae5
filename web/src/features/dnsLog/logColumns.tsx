/** Columns of the query log. */

import { Ellipsis } from 'lucide-react'
import type { ReactNode } from 'react'
import type { DnsLoggedQuery } from 'tidings'
import type { Column } from '../../components/live-table/columns.ts'
import { StatusBadge, StatusDot } from '../../components/StatusBadge.tsx'
import { serverUrl } from '../../lib/api.ts'
import type { ListName } from '../../lib/dns/listNames.ts'
import type { LogRow } from '../../lib/dns/queryLog.ts'
import {
  formatClock,
  formatDecimal,
  formatFraction,
  formatMoment,
  formatNumber,
} from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'

/** What the columns know beside the entry. */
export interface ColumnContext {
  readonly leases: ReadonlyMap<string, Lease>
  readonly listName: ListName
}

export function logColumns({ leases, listName }: ColumnContext): readonly Column<LogRow>[] {
  return [
    {
      id: 'time',
      label: t('dnsLog.column.time'),
      // The page's style gives phones a narrower one, without milliseconds.
      track: 'var(--log-time)',
      fromWidth: 0,
      sortField: null,
      className: 'tabular text-muted',
      cell: ({ entry }) => (
        <time title={formatMoment(entry.at_ms)}>
          {formatClock(entry.at_ms)}
          <span className="max-sm:hidden">{formatFraction(entry.at_ms)}</span>
        </time>
      ),
    },
    {
      id: 'client',
      label: t('dnsLog.column.client'),
      track: 'minmax(8rem, 1.8fr)',
      fromWidth: 560,
      sortField: null,
      testId: 'log-client',
      cell: ({ entry }) => <Client address={entry.client} lease={leases.get(entry.client)} />,
    },
    {
      id: 'name',
      label: t('dnsLog.column.name'),
      track: 'minmax(8rem, 2.2fr)',
      fromWidth: 0,
      sortField: null,
      testId: 'log-name',
      className: 'font-medium',
      cell: (row) => <Name row={row} />,
    },
    {
      id: 'type',
      label: t('dnsLog.column.type'),
      track: '4.2rem',
      fromWidth: 460,
      sortField: null,
      className: 'mono text-xs text-muted',
      cell: ({ entry }) => entry.type,
    },
    {
      id: 'status',
      label: t('dnsLog.column.status'),
      track: '6.8rem',
      fromWidth: 560,
      sortField: null,
      testId: 'log-status',
      cell: ({ entry }) => <StatusBadge status={entry.status} />,
    },
    {
      id: 'why',
      label: t('dnsLog.column.why'),
      track: 'minmax(7rem, 1.5fr)',
      fromWidth: 900,
      sortField: null,
      testId: 'log-why',
      className: 'text-muted',
      cell: ({ entry }) => <Why entry={entry} listName={listName} />,
    },
    {
      id: 'upstream',
      label: t('dnsLog.column.upstream'),
      track: 'minmax(6rem, 0.9fr)',
      fromWidth: 1080,
      sortField: null,
      className: 'mono text-xs text-muted',
      cell: ({ entry }) => <span title={entry.upstream ?? undefined}>{entry.upstream ?? '–'}</span>,
    },
    {
      id: 'duration',
      label: t('dnsLog.column.duration'),
      track: '4.4rem',
      fromWidth: 740,
      sortField: null,
      isEnd: true,
      className: 'tabular text-muted',
      cell: ({ entry }) => milliseconds(entry.duration_ms),
    },
    {
      id: 'menu',
      label: t('dnsLog.column.menu'),
      isLabelHidden: true,
      track: '2.6rem',
      fromWidth: 0,
      sortField: null,
      isEnd: true,
      className: 'overflow-visible',
      cell: ({ id, entry }) => (
        <button
          type="button"
          data-menu={id}
          aria-haspopup="menu"
          aria-label={t('dnsLog.menu', { name: nameText(entry) })}
          className="-me-1 inline-flex size-7 items-center justify-center rounded-control align-middle text-muted hover:bg-line hover:text-text"
        >
          <Ellipsis size={15} aria-hidden />
        </button>
      ),
    },
  ]
}

/** Writes a time of an answer: with decimals as long as they say something. */
export function milliseconds(value: number): string {
  if (value > 0 && value < 0.1) return '< 0.1'
  return value < 100 ? formatDecimal(value) : formatNumber(Math.round(value))
}

/** Writes the name that was asked for, also where it is not kept. */
export function nameText({ name }: Pick<DnsLoggedQuery, 'name'>): string {
  return name === '' ? t('dnsLog.name.none') : name
}

interface ClientProps {
  readonly address: string
  readonly lease: Lease | undefined
}

/** An anchor and not a `Link`: one in each row of a busy log would cost too much; the table leads. */
function Client({ address, lease }: ClientProps): ReactNode {
  if (!lease) return <span className="mono text-xs">{address}</span>
  return (
    <a
      href={serverUrl(`/leases?${new URLSearchParams({ lease: lease.id })}`)}
      data-lease={lease.id}
      title={t('dnsLog.client.lease', { address })}
      className="hover:underline"
    >
      {lease.wire.hostname ?? address}
      {lease.wire.hostname ? (
        <span className="mono ms-1.5 text-xs text-muted">{address}</span>
      ) : null}
    </a>
  )
}

function Name({ row: { entry, n } }: { readonly row: LogRow }): ReactNode {
  return (
    <span title={nameText(entry)} className={entry.name === '' ? 'text-faint italic' : undefined}>
      <StatusDot status={entry.status} className="me-2 sm:hidden" />
      {nameText(entry)}
      {n > 1 ? (
        <span className="tabular ms-2 rounded-full bg-inset px-1.5 py-0.5 text-xs text-muted">
          ×{formatNumber(n)}
        </span>
      ) : null}
    </span>
  )
}

interface WhyProps {
  readonly entry: DnsLoggedQuery
  readonly listName: ListName
}

function Why({ entry, listName }: WhyProps): ReactNode {
  const { reason, rcode } = entry
  if (reason === null) return rcode === 'NOERROR' ? <span className="text-faint">–</span> : rcode
  const line = reason.line === null ? '' : `:${reason.line}`
  return (
    <span title={`${listName(reason.list)}${line}\n${reason.rule}`}>
      {listName(reason.list)} <span className="mono text-xs">{reason.rule}</span>
    </span>
  )
}
