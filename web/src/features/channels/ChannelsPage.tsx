/** The hub's channels: a flat table in any order, or a tree. */

import { useNavigate, useSearch } from '@tanstack/react-router'
import { Radio } from 'lucide-react'
import { type ReactNode, useMemo, useSyncExternalStore } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import { tableInstead } from '../../components/live-table/TableInstead.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { EmptyState, PageHeader } from '../../components/ui/Surface.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { csv, download } from '../../lib/csv.ts'
import { CHANNELS_MAX, type ChannelOrder } from '../../lib/hubChannels.ts'
import { t } from '../../lib/i18n.ts'
import type { LiveView } from '../../lib/live/liveView.ts'
import { useLiveView } from '../../lib/live/useLiveView.ts'
import { nextTableSort, tableSortText } from '../../lib/tableSort.ts'
import { ChannelTree } from './ChannelTree.tsx'
import { channelColumns, SORT_KEYS } from './channelColumns.tsx'
import { CHANNEL_FIELDS, type ChannelsSearch, channelSort } from './channelsSearch.ts'
import { channelTree } from './channelTree.ts'
import { type Channel, type Channels, useChannels } from './useChannels.ts'

const NOTHING: ReadonlySet<string> = new Set()

export function ChannelsPage(): ReactNode {
  const search = useSearch({ from: '/hub/channels' })
  const navigate = useNavigate({ from: '/hub/channels' })
  const { q = '', sort: sortInUrl } = search
  const sort = useMemo(() => channelSort(sortInUrl ? { sort: sortInUrl } : {}), [sortInUrl])
  const channels = useChannels(orderAtServer(sort.field))
  const filter = useMemo(() => nameFilter(q), [q])
  const arrangement = useMemo(
    () => ({ key: SORT_KEYS[sort.field], direction: sort.direction, filter }),
    [sort, filter],
  )
  const view = useLiveView(channels.rows, arrangement)
  const change = (patch: Partial<ChannelsSearch>, replace = false): void => {
    void navigate({ search: (before) => ({ ...before, ...patch }), replace })
  }
  const sortBy = (name: string): void => {
    const field = CHANNEL_FIELDS.find((known) => known === name)
    if (!field) return
    const next = nextTableSort(sort, field, field === 'name' || field === 'class')
    change({ sort: tableSortText(next) })
  }
  const inspect = (name: string): void => {
    void navigate({ to: '/hub/inspector', search: { channels: name } })
  }
  const { nShown, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  const instead = tableInstead({
    nShown,
    nTotal,
    isLoading: channels.all === undefined && channels.error === null,
    error: channels.error,
    failed: t('hub.failed'),
    empty: <NoChannels />,
    onClearFilters: () => change({ q: '' }),
  })
  const isTree = search.view === 'tree'
  return (
    <div className="flex h-full min-h-[30rem] flex-col gap-3 p-3 md:p-5">
      <PageHeader title={t('channels.title')} subtitle={t('channels.subtitle')}>
        <PauseText view={view} />
        <Choices
          label={t('channels.view')}
          value={isTree ? 'tree' : 'flat'}
          options={[
            { value: 'flat', label: t('channels.view.flat') },
            { value: 'tree', label: t('channels.view.tree') },
          ]}
          onChange={(value) =>
            void navigate({
              search: ({ view: _, ...rest }) =>
                value === 'tree' ? { ...rest, view: value } : rest,
            })
          }
        />
        {isTree ? null : <PauseButton view={view} />}
      </PageHeader>
      <div className="flex flex-wrap items-center gap-3">
        <SearchField
          label={t('channels.search')}
          value={q}
          onChange={(value) => change({ q: value }, true)}
          testId="channels-search"
        />
        <Count view={view} total={channels.total} field={sort.field} />
      </div>
      {isTree ? (
        <Tree channels={channels} filter={filter} />
      ) : (
        <LiveTable
          view={view}
          columns={channelColumns}
          label={t('channels.table')}
          sort={sort}
          onSort={sortBy}
          openId={null}
          onOpen={inspect}
          selection={NOTHING}
          onSelect={inspect}
          onCopy={(name) => void copyText(name)}
          onExport={() => exportChannels(view.matching())}
          instead={instead}
          notLiveSinceMs={null}
          testId="channels-table"
          rowTestId="channel-row"
        />
      )}
    </div>
  )
}

function NoChannels(): ReactNode {
  return (
    <EmptyState
      icon={<Radio size={28} aria-hidden />}
      title={t('channels.empty')}
      hint={t('channels.empty.hint')}
    />
  )
}

interface TreeProps {
  readonly channels: Channels
  readonly filter: ((channel: Channel) => boolean) | null
}

function Tree({ channels, filter }: TreeProps): ReactNode {
  const { all, error } = channels
  const nodes = useMemo(
    () => channelTree(filter ? (all ?? []).filter(filter) : (all ?? [])),
    [all, filter],
  )
  if (nodes.length > 0) return <ChannelTree nodes={nodes} />
  if (error) return <EmptyState title={t('hub.failed')} hint={error.message} />
  if (!all) return null
  return filter ? (
    <EmptyState title={t('table.noMatch')} hint={t('table.noMatch.hint')} />
  ) : (
    <NoChannels />
  )
}

interface CountProps {
  readonly view: LiveView<Channel>
  readonly total: number
  readonly field: string
}

function Count({ view, total, field }: CountProps): ReactNode {
  const { nMatching, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  const text =
    total > CHANNELS_MAX
      ? t('channels.cut', { shown: nMatching, n: total, field })
      : nMatching === nTotal
        ? t('channels.count', { n: nTotal })
        : t('channels.count.filtered', { shown: nMatching, n: nTotal })
  return (
    <span data-testid="channel-count" className="tabular text-sm text-muted lg:ms-auto">
      {text}
    </span>
  )
}

/** Where there are too many channels, the server chooses those that matter for the order. */
function orderAtServer(field: string): ChannelOrder {
  if (field === 'subscribers' || field === 'bytes' || field === 'name') return field
  return 'rate'
}

function nameFilter(text: string): ((channel: Channel) => boolean) | null {
  const wanted = text.trim().toLowerCase()
  if (!wanted) return null
  return ({ name }) => name.toLowerCase().includes(wanted)
}

function exportChannels(channels: readonly Channel[]): void {
  const head = ['name', 'class', 'subscribers', 'rate', 'bytes', 'published', 'held'] as const
  const rows = channels.map((channel) => head.map((field) => channel[field]))
  download('channels.csv', 'text/csv', csv(head, rows))
}
