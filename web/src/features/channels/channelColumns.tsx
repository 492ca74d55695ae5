/** Columns of the channels' flat view, and what each is sorted by. */

import type { ReactNode } from 'react'
import type { Column } from '../../components/live-table/columns.ts'
import { Badge, type BadgeTone } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import {
  formatBytes,
  formatDecimal,
  formatDuration,
  formatMoment,
  formatNumber,
} from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { SortKey } from '../../lib/live/sortedIndex.ts'
import { naturalKey } from '../../lib/live/sortKeys.ts'
import type { ChannelField } from './channelsSearch.ts'
import type { Channel } from './useChannels.ts'

export const SORT_KEYS: Readonly<Record<ChannelField, (channel: Channel) => SortKey>> = {
  name: ({ name }) => naturalKey(name),
  class: (channel) => channel.class,
  subscribers: ({ subscribers }) => subscribers,
  rate: ({ rate }) => rate,
  bytesRate: ({ bytesRate }) => bytesRate,
  bytes: ({ bytes }) => bytes,
  published: ({ published }) => published,
  held: ({ held }) => held,
  touched: ({ touched_at }) => touched_at,
}

const CLASSES: Readonly<Record<string, BadgeTone>> = {
  logged: 'ok',
  state: 'info',
  ephemeral: 'neutral',
}

export function ClassBadge({ name }: { readonly name: string }): ReactNode {
  const isKnown = name === 'logged' || name === 'state' || name === 'ephemeral'
  const text = isKnown ? t(`channels.class.${name}`) : name
  return <Badge tone={CLASSES[name] ?? 'neutral'}>{text}</Badge>
}

function Age({ atMs }: { readonly atMs: number }): ReactNode {
  const nowMs = useNow('second')
  return (
    <time dateTime={new Date(atMs).toISOString()} title={formatMoment(atMs)}>
      {formatDuration(nowMs - atMs)}
    </time>
  )
}

/** Shows a figure; nothing is a quiet dash, so that what moves stands out. */
function figure(value: number, text: string): ReactNode {
  return value === 0 ? <span className="text-faint">–</span> : text
}

const END = { isEnd: true, className: 'tabular' } as const

export const channelColumns: readonly Column<Channel>[] = [
  {
    id: 'name',
    label: t('channels.column.name'),
    track: 'minmax(9rem, 2.4fr)',
    fromWidth: 0,
    sortField: 'name',
    className: 'mono font-medium',
    cell: ({ name }) => <span title={name}>{name}</span>,
  },
  {
    id: 'class',
    label: t('channels.column.class'),
    track: 'minmax(6.5rem, 0.7fr)',
    fromWidth: 560,
    sortField: 'class',
    cell: (channel) => <ClassBadge name={channel.class} />,
  },
  {
    id: 'subscribers',
    label: t('channels.column.subscribers'),
    track: 'minmax(5rem, 0.6fr)',
    fromWidth: 0,
    sortField: 'subscribers',
    ...END,
    cell: ({ subscribers }) => figure(subscribers, formatNumber(subscribers)),
  },
  {
    id: 'rate',
    label: t('channels.column.rate'),
    track: 'minmax(5.2rem, 0.6fr)',
    fromWidth: 0,
    sortField: 'rate',
    ...END,
    cell: ({ rate }) => figure(rate, formatDecimal(rate)),
  },
  {
    id: 'bytesRate',
    label: t('channels.column.bytesRate'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 720,
    sortField: 'bytesRate',
    ...END,
    cell: ({ bytesRate }) => figure(Math.round(bytesRate), formatBytes(bytesRate)),
  },
  {
    id: 'bytes',
    label: t('channels.column.bytes'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 860,
    sortField: 'bytes',
    ...END,
    cell: ({ bytes }) => figure(bytes, formatBytes(bytes)),
  },
  {
    id: 'published',
    label: t('channels.column.published'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 960,
    sortField: 'published',
    ...END,
    cell: ({ published }) => figure(published, formatNumber(published)),
  },
  {
    id: 'held',
    label: t('channels.column.held'),
    track: 'minmax(5rem, 0.6fr)',
    fromWidth: 1040,
    sortField: 'held',
    ...END,
    cell: ({ held, held_bytes }) => (
      <span title={formatBytes(held_bytes)}>{figure(held, formatNumber(held))}</span>
    ),
  },
  {
    id: 'touched',
    label: t('channels.column.touched'),
    track: 'minmax(5.5rem, 0.6fr)',
    fromWidth: 480,
    sortField: 'touched',
    ...END,
    cell: ({ touched_at }) => <Age atMs={touched_at} />,
  },
]
