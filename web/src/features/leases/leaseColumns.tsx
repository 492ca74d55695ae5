/** Columns of the lease table: the six of the contract, and those that may be added. */

import type { ReactNode } from 'react'
import type { Column } from '../../components/live-table/columns.ts'
import { Badge, type BadgeTone } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { cx } from '../../lib/cx.ts'
import { formatMoment, formatRemaining } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import {
  isExpiring,
  type Lease,
  type LeaseStatus,
  macText,
  statusOf,
} from '../../lib/leases/lease.ts'

const TONES: Readonly<Record<LeaseStatus, BadgeTone>> = {
  static: 'info',
  active: 'ok',
  expired: 'bad',
}

/** Says the status in words and by colour. */
export function StatusBadge({ lease }: { readonly lease: Lease }): ReactNode {
  const status = statusOf(lease)
  return (
    <Badge
      tone={TONES[status]}
      icon={<span aria-hidden className="size-1.5 rounded-full bg-current" />}
    >
      {t(`leases.status.${status}`)}
    </Badge>
  )
}

/** What is left of the lease; the exact end on demand. */
export function Expiration({ lease }: { readonly lease: Lease }): ReactNode {
  const nowMs = useNow('minute')
  const { endsAtMs, wire } = lease
  if (endsAtMs === null) {
    return (
      <span className="text-muted">
        {wire.infinite ? t('time.never') : t('leases.drawer.ends.unknown')}
      </span>
    )
  }
  const isPast = endsAtMs <= nowMs
  return (
    <time
      dateTime={wire.lease_time}
      title={formatMoment(endsAtMs)}
      className={cx('tabular', isPast && 'text-bad', isExpiring(lease, nowMs) && 'text-warn')}
    >
      {formatRemaining(endsAtMs, nowMs)}
    </time>
  )
}

function orUnknown(text: string | null | undefined): ReactNode {
  return text ? text : <i className="text-faint">{t('common.unknown')}</i>
}

function orDash(text: string | null | undefined): ReactNode {
  return text ? text : <span className="text-faint">–</span>
}

const CONTRACT: readonly Column<Lease>[] = [
  {
    id: 'ip',
    label: t('leases.column.ip'),
    track: 'minmax(7.5rem, 1.1fr)',
    fromWidth: 0,
    sortField: 'ip_address',
    testId: 'lease-ip',
    className: 'mono font-medium',
    cell: ({ wire }) =>
      wire.prefix_len == null ? wire.ip_address : `${wire.ip_address}/${wire.prefix_len}`,
  },
  {
    id: 'mac',
    label: t('leases.column.mac'),
    track: 'minmax(10rem, 1.2fr)',
    fromWidth: 760,
    sortField: 'mac_address',
    testId: 'lease-mac',
    className: 'mono text-muted',
    cell: (lease) => orDash(macText(lease)),
  },
  {
    id: 'hostname',
    label: t('leases.column.hostname'),
    track: 'minmax(5rem, 1.7fr)',
    fromWidth: 0,
    sortField: 'hostname',
    testId: 'lease-hostname',
    cell: ({ wire }) => orUnknown(wire.hostname),
  },
  {
    id: 'vendor',
    label: t('leases.column.vendor'),
    track: 'minmax(7rem, 1.3fr)',
    fromWidth: 620,
    sortField: 'vendor',
    testId: 'lease-vendor',
    className: 'text-muted',
    cell: ({ wire }) => orUnknown(wire.vendor),
  },
  {
    id: 'expiration',
    label: t('leases.column.expiration'),
    track: 'minmax(8rem, 0.8fr)',
    fromWidth: 480,
    sortField: 'lease_time',
    testId: 'lease-expiration',
    cell: (lease) => <Expiration lease={lease} />,
  },
  {
    id: 'status',
    label: t('leases.column.status'),
    track: 'minmax(6.2rem, 0.6fr)',
    fromWidth: 0,
    sortField: 'is_active',
    testId: 'lease-status',
    cell: (lease) => <StatusBadge lease={lease} />,
  },
]

/** Columns that a reader may add. */
export const OPTIONAL_COLUMNS: readonly Column<Lease>[] = [
  {
    id: 'pool',
    label: t('leases.column.pool'),
    track: 'minmax(6rem, 0.7fr)',
    fromWidth: 0,
    sortField: 'pool_name',
    className: 'text-muted',
    cell: ({ wire }) => orDash(wire.pool_name),
  },
  {
    id: 'source',
    label: t('leases.column.source'),
    track: 'minmax(6rem, 0.7fr)',
    fromWidth: 0,
    sortField: 'source',
    className: 'text-muted',
    cell: ({ wire }) => wire.source,
  },
  {
    id: 'state',
    label: t('leases.column.state'),
    track: 'minmax(6.5rem, 0.6fr)',
    fromWidth: 0,
    sortField: 'state',
    className: 'text-muted',
    cell: ({ wire }) => wire.state,
  },
  {
    id: 'clientId',
    label: t('leases.column.clientId'),
    track: 'minmax(9rem, 1fr)',
    fromWidth: 0,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ wire }) => orDash(wire.client_id ?? wire.duid),
  },
  {
    id: 'kind',
    label: t('leases.column.kind'),
    track: 'minmax(7rem, 0.6fr)',
    fromWidth: 0,
    sortField: null,
    className: 'text-muted',
    cell: ({ wire }) => kindText(wire.kind),
  },
  {
    id: 'vendorClass',
    label: t('leases.column.vendorClass'),
    track: 'minmax(8rem, 0.9fr)',
    fromWidth: 0,
    sortField: null,
    className: 'text-muted',
    cell: ({ wire }) => orDash(wire.vendor_class),
  },
]

/** Writes what is granted; a kind of a later server as it is. */
export function kindText(kind: string): string {
  if (kind === 'v4' || kind === 'na' || kind === 'ta' || kind === 'pd') {
    return t(`leases.kind.${kind}`)
  }
  return kind
}

/** Returns the columns of the contract with the chosen ones before the status. */
export function leaseColumns(chosen: readonly string[]): readonly Column<Lease>[] {
  const added = OPTIONAL_COLUMNS.filter((column) => chosen.includes(column.id))
  return [...CONTRACT.slice(0, -1), ...added, ...CONTRACT.slice(-1)]
}
