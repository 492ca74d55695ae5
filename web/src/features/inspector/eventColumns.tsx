/** Columns of the list of events. */

import type { Column } from '../../components/live-table/columns.ts'
import { formatBytes, formatClock, formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { InspectedEvent } from './eventLog.ts'
import { STREAM } from './tapFrames.ts'

export const eventColumns: readonly Column<InspectedEvent>[] = [
  {
    id: 'time',
    label: t('inspector.column.time'),
    track: '5.2rem',
    fromWidth: 0,
    sortField: null,
    className: 'tabular text-muted',
    cell: ({ event, receivedAtMs }) => {
      const atMs = event.timestamp ?? receivedAtMs
      return <time title={formatMoment(atMs)}>{formatClock(atMs)}</time>
    },
  },
  {
    id: 'channel',
    label: t('inspector.column.channel'),
    track: 'minmax(7rem, 1.2fr)',
    fromWidth: 0,
    sortField: null,
    className: 'mono font-medium',
    cell: ({ event: { channel, type } }) =>
      channel === STREAM ? (
        <span className="font-normal text-muted">
          {t('inspector.frames.channel')}
          {/* A phone has no room for the column of types, without which a frame says nothing. */}
          <span className="sm:hidden">: {type}</span>
        </span>
      ) : (
        <span title={channel}>{channel}</span>
      ),
  },
  {
    id: 'type',
    label: t('inspector.column.type'),
    track: 'minmax(6rem, 0.9fr)',
    fromWidth: 420,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ event }) => event.type,
  },
  {
    id: 'data',
    label: t('inspector.column.data'),
    track: 'minmax(8rem, 2.6fr)',
    fromWidth: 600,
    sortField: null,
    className: 'mono text-muted',
    cell: ({ preview }) => preview,
  },
  {
    id: 'size',
    label: t('inspector.column.size'),
    track: '4.5rem',
    fromWidth: 340,
    sortField: null,
    isEnd: true,
    className: 'tabular text-muted',
    cell: ({ sizeBytes }) => formatBytes(sizeBytes),
  },
]
