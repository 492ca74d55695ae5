/** Columns of the open streams, and what each is sorted by. */

import type { ReactNode } from 'react'
import type { Column } from '../../components/live-table/columns.ts'
import { Badge } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { useConnection } from '../../lib/connection.ts'
import { cx } from '../../lib/cx.ts'
import { formatBytes, formatDuration, formatMoment, formatNumber } from '../../lib/format.ts'
import type { ConnectionRow } from '../../lib/hubChannels.ts'
import { t } from '../../lib/i18n.ts'
import type { SortKey } from '../../lib/live/sortedIndex.ts'
import { addressKey } from '../../lib/live/sortKeys.ts'
import type { ConnectionField } from './connectionsSearch.ts'
import { KickButton } from './KickButton.tsx'

/** A stream behind by so many events is slow. */
export const LAG_SHOWN = 100
/** Events that a second of standing still weighs in the order. */
const STALL_WEIGHT = 1e6

export const SORT_KEYS: Readonly<Record<ConnectionField, (row: ConnectionRow) => SortKey>> = {
  id: ({ client_id }) => client_id,
  address: ({ address }) => (address === null ? null : addressKey(address)),
  // The longest open is the oldest.
  opened: ({ opened_at }) => -opened_at,
  lag: ({ lag, stalled_seconds }) => stalled_seconds * STALL_WEIGHT + lag,
  delivered: ({ delivered }) => delivered,
  bytes: ({ delivered_bytes }) => delivered_bytes,
  dropped: ({ dropped }) => dropped,
  resets: ({ resets }) => resets,
}

export function isSlow({ lag, stalled_seconds }: ConnectionRow): boolean {
  return stalled_seconds > 0 || lag >= LAG_SHOWN
}

function Id({ id }: { readonly id: string }): ReactNode {
  const { connectionId } = useConnection()
  return (
    <span className="flex min-w-0 items-center gap-2">
      <span title={id} className="mono shrink-0 font-medium">
        {id.slice(0, 8)}
      </span>
      {id === connectionId ? <OwnMark /> : null}
    </span>
  )
}

/** On a phone there is room for a dot only. */
function OwnMark(): ReactNode {
  return (
    <>
      <span aria-hidden className="size-2 rounded-full bg-info sm:hidden" />
      <span className="sr-only sm:not-sr-only">
        <Badge tone="info">{t('connections.own')}</Badge>
      </span>
    </>
  )
}

function OpenFor({ sinceMs }: { readonly sinceMs: number }): ReactNode {
  const nowMs = useNow('second')
  return <span title={formatMoment(sinceMs)}>{formatDuration(nowMs - sinceMs)}</span>
}

function Lag({ row }: { readonly row: ConnectionRow }): ReactNode {
  if (row.stalled_seconds > 0) {
    const time = formatDuration(row.stalled_seconds * 1000)
    return <Badge tone="warn">{t('connections.stalled', { time })}</Badge>
  }
  return (
    <span className={cx(isSlow(row) ? 'font-medium text-warn' : row.lag === 0 && 'text-faint')}>
      {row.lag === 0 ? '–' : t('connections.lag', { n: row.lag })}
    </span>
  )
}

function figure(value: number, text: string): ReactNode {
  return value === 0 ? <span className="text-faint">–</span> : text
}

const END = { isEnd: true, className: 'tabular' } as const

export const connectionColumns: readonly Column<ConnectionRow>[] = [
  {
    id: 'id',
    label: t('connections.column.id'),
    track: 'minmax(7rem, 1.1fr)',
    fromWidth: 0,
    sortField: 'id',
    cell: ({ client_id }) => <Id id={client_id} />,
  },
  {
    id: 'address',
    label: t('connections.column.address'),
    track: 'minmax(6.5rem, 0.9fr)',
    fromWidth: 640,
    sortField: 'address',
    className: 'mono text-muted',
    cell: ({ address }) => address ?? '–',
  },
  {
    id: 'channels',
    label: t('connections.column.channels'),
    track: 'minmax(7rem, 2fr)',
    fromWidth: 480,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ channels }) => {
      const text = channels.join(', ') || t('connections.all')
      return <span title={text}>{text}</span>
    },
  },
  {
    id: 'opened',
    label: t('connections.column.opened'),
    track: 'minmax(6rem, 0.6fr)',
    fromWidth: 0,
    sortField: 'opened',
    ...END,
    cell: ({ opened_at }) => <OpenFor sinceMs={opened_at} />,
  },
  {
    id: 'lag',
    label: t('connections.column.lag'),
    track: 'minmax(5.5rem, 0.8fr)',
    fromWidth: 0,
    sortField: 'lag',
    ...END,
    cell: (row) => <Lag row={row} />,
  },
  {
    id: 'delivered',
    label: t('connections.column.delivered'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 760,
    sortField: 'delivered',
    ...END,
    cell: ({ delivered }) => figure(delivered, formatNumber(delivered)),
  },
  {
    id: 'bytes',
    label: t('connections.column.bytes'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 860,
    sortField: 'bytes',
    ...END,
    cell: ({ delivered_bytes }) => figure(delivered_bytes, formatBytes(delivered_bytes)),
  },
  {
    id: 'dropped',
    label: t('connections.column.dropped'),
    track: 'minmax(5.5rem, 0.5fr)',
    fromWidth: 960,
    sortField: 'dropped',
    ...END,
    cell: ({ dropped }) => figure(dropped, formatNumber(dropped)),
  },
  {
    id: 'resets',
    label: t('connections.column.resets'),
    track: 'minmax(5rem, 0.5fr)',
    fromWidth: 1040,
    sortField: 'resets',
    ...END,
    cell: ({ resets }) => figure(resets, formatNumber(resets)),
  },
  {
    id: 'end',
    label: t('connections.column.end'),
    track: '3.5rem',
    fromWidth: 0,
    sortField: null,
    isEnd: true,
    cell: ({ client_id }) => <KickButton id={client_id} />,
  },
]
