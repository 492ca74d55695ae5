/** The hub's open streams: who follows what, who lags, and a way to end one. */

import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { Cable } from 'lucide-react'
import { type ReactNode, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import { tableInstead } from '../../components/live-table/TableInstead.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { EmptyState, PageHeader } from '../../components/ui/Surface.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { csv, download } from '../../lib/csv.ts'
import { type ConnectionRow, connectionsQuery } from '../../lib/hubChannels.ts'
import { t } from '../../lib/i18n.ts'
import { createPolledRows } from '../../lib/live/polledRows.ts'
import { useLiveView } from '../../lib/live/useLiveView.ts'
import { nextTableSort, tableSortText } from '../../lib/tableSort.ts'
import { connectionColumns, SORT_KEYS } from './connectionColumns.tsx'
import { CONNECTION_FIELDS, type ConnectionsSearch, connectionSort } from './connectionsSearch.ts'

const NOTHING: ReadonlySet<string> = new Set()

export function ConnectionsPage(): ReactNode {
  const search = useSearch({ from: '/hub/connections' })
  const navigate = useNavigate({ from: '/hub/connections' })
  const { q = '', sort: sortInUrl } = search
  const { data, error } = useQuery(connectionsQuery)
  const [rows] = useState(() => createPolledRows<ConnectionRow>((row) => row.client_id))
  useEffect(() => {
    if (data) rows.replace(data)
  }, [data, rows])
  const sort = useMemo(() => connectionSort(sortInUrl ? { sort: sortInUrl } : {}), [sortInUrl])
  const filter = useMemo(() => textFilter(q), [q])
  const arrangement = useMemo(
    () => ({ key: SORT_KEYS[sort.field], direction: sort.direction, filter }),
    [sort, filter],
  )
  const view = useLiveView(rows, arrangement)
  const { nShown, nMatching, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  const change = (patch: Partial<ConnectionsSearch>, replace = false): void => {
    void navigate({ search: (before) => ({ ...before, ...patch }), replace })
  }
  const sortBy = (name: string): void => {
    const field = CONNECTION_FIELDS.find((known) => known === name)
    if (!field) return
    const isName = field === 'id' || field === 'address'
    change({ sort: tableSortText(nextTableSort(sort, field, isName)) })
  }
  const copy = (id: string): void => void copyText(id)
  const instead = tableInstead({
    nShown,
    nTotal,
    isLoading: data === undefined && error === null,
    error,
    failed: t('hub.failed'),
    empty: (
      <EmptyState
        icon={<Cable size={28} aria-hidden />}
        title={t('connections.empty')}
        hint={t('connections.empty.hint')}
      />
    ),
    onClearFilters: () => change({ q: '' }),
  })
  return (
    <div className="flex h-full min-h-[30rem] flex-col gap-3 p-3 md:p-5">
      <PageHeader title={t('connections.title')} subtitle={t('connections.subtitle')}>
        <PauseText view={view} />
        <PauseButton view={view} />
      </PageHeader>
      <div className="flex flex-wrap items-center gap-3">
        <SearchField
          label={t('connections.search')}
          value={q}
          onChange={(value) => change({ q: value }, true)}
          testId="connections-search"
        />
        <span data-testid="connection-count" className="tabular text-sm text-muted lg:ms-auto">
          {nMatching === nTotal
            ? t('connections.count', { n: nTotal })
            : t('connections.count.filtered', { shown: nMatching, n: nTotal })}
        </span>
      </div>
      <LiveTable
        view={view}
        columns={connectionColumns}
        label={t('connections.table')}
        sort={sort}
        onSort={sortBy}
        openId={null}
        onOpen={copy}
        selection={NOTHING}
        onSelect={copy}
        onCopy={copy}
        onExport={() => exportConnections(view.matching())}
        instead={instead}
        notLiveSinceMs={null}
        testId="connections-table"
        rowTestId="connection-row"
      />
    </div>
  )
}

function textFilter(text: string): ((row: ConnectionRow) => boolean) | null {
  const wanted = text.trim().toLowerCase()
  if (!wanted) return null
  return (row) =>
    row.client_id.includes(wanted) ||
    (row.address ?? '').includes(wanted) ||
    row.channels.some((channel) => channel.toLowerCase().includes(wanted))
}

function exportConnections(connections: readonly ConnectionRow[]): void {
  const head = [
    'client_id',
    'address',
    'channels',
    'lag',
    'delivered',
    'dropped',
    'resets',
  ] as const
  const rows = connections.map((row) => head.map((field) => csvValue(row[field])))
  download('connections.csv', 'text/csv', csv(head, rows))
}

function csvValue(value: string | number | null | readonly string[]): string | number | null {
  return Array.isArray(value) ? value.join(' ') : (value as string | number | null)
}
