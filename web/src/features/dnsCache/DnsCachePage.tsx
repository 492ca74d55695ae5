/** What the resolver keeps: figures, answers by name, and flushing them. */

import { useInfiniteQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { DatabaseZap } from 'lucide-react'
import {
  lazy,
  type ReactNode,
  Suspense,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { tableInstead } from '../../components/live-table/TableInstead.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { SelectBox } from '../../components/ui/SelectBox.tsx'
import { EmptyState, PageHeader } from '../../components/ui/Surface.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { useNotLiveSince } from '../../lib/connection.ts'
import { csv, download } from '../../lib/csv.ts'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { t } from '../../lib/i18n.ts'
import { createPolledRows } from '../../lib/live/polledRows.ts'
import { useLiveView } from '../../lib/live/useLiveView.ts'
import { CacheFigures } from './CacheFigures.tsx'
import { cacheColumns } from './cacheColumns.tsx'
import { cacheQuery, type Flush } from './cacheQuery.ts'
import { type CacheRow, cacheRows } from './cacheRows.ts'
import { type CacheSearch, TYPES } from './cacheSearch.ts'
import { FlushButtons } from './FlushButtons.tsx'
import { FlushContext } from './flushAsked.ts'

const FlushDialog = lazy(() =>
  import('./FlushDialog.tsx').then((module) => ({ default: module.FlushDialog })),
)

const NOTHING: ReadonlySet<string> = new Set()
const ARRANGEMENT = {
  key: ({ place }: CacheRow) => place,
  direction: 'asc',
  filter: null,
} as const

export function DnsCachePage(): ReactNode {
  const { q = '', type } = useSearch({ from: '/dns/cache' })
  const navigate = useNavigate({ from: '/dns/cache' })
  const [asked, setAsked] = useState<Flush | null>(null)
  const [nFlushed, setFlushed] = useState<number | null>(null)
  const change = (patch: CacheSearch, replace = false): void => {
    void navigate({ search: (before) => ({ ...before, ...patch }), replace })
  }
  const ask = useMemo(
    () =>
      (what: Flush): void => {
        setFlushed(null)
        setAsked(what)
      },
    [],
  )
  return (
    <FlushContext value={ask}>
      <div className="flex h-full min-h-[60rem] flex-col gap-3 p-3 md:min-h-[34rem] md:p-5">
        <PageHeader title={t('dnsCache.title')} subtitle={t('dnsCache.subtitle')}>
          <FlushButtons />
        </PageHeader>
        <CacheFigures />
        <div className="flex flex-wrap items-center gap-2">
          <SearchField
            label={t('dnsCache.search')}
            value={q}
            onChange={(value) => change({ q: value }, true)}
            testId="cache-search"
          />
          <SelectBox
            label={t('dnsCache.type')}
            all={t('dnsCache.type.all')}
            options={TYPES}
            value={type ?? null}
            onChange={(value) =>
              void navigate({
                search: ({ type: _, ...rest }) =>
                  value === null ? rest : { ...rest, type: value },
              })
            }
          />
          <span role="status" data-testid="flushed" className="ms-auto text-sm font-medium text-ok">
            {nFlushed === null ? null : t('dnsCache.flushed', { n: nFlushed })}
          </span>
        </div>
        <CacheTable
          search={q.trim()}
          type={type ?? null}
          onClear={() => void navigate({ search: {} })}
        />
      </div>
      <Suspense>
        {asked === null ? null : (
          <FlushDialog asked={asked} onFlushed={setFlushed} onClose={() => setAsked(null)} />
        )}
      </Suspense>
    </FlushContext>
  )
}

interface CacheTableProps {
  readonly search: string
  readonly type: string | null
  readonly onClear: () => void
}

function CacheTable({ search, type, onClear }: CacheTableProps): ReactNode {
  const notLiveSinceMs = useNotLiveSince()
  const { data: status } = useDnsStatus()
  const { data, error, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    ...cacheQuery(search, type),
    placeholderData: (before) => before,
  })
  const [rows] = useState(() => createPolledRows<CacheRow>(({ id }) => id))
  const shown = useRef('')
  useEffect(() => {
    if (!data) return
    const what = `${search} ${type} ${data.pages.length}`
    const next = cacheRows(data.pages, rows.rows)
    // Rows of another search or of one more page have not just come into the cache.
    if (shown.current === what) rows.replace(next)
    else rows.exchange(next)
    shown.current = what
  }, [data, rows, search, type])
  const view = useLiveView(rows, ARRANGEMENT)
  const { nShown, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  const total = data?.pages.at(-1)?.total ?? 0
  const isFiltered = search !== '' || type !== null
  const copy = (id: string): void => void copyText(view.row(id)?.name ?? '')
  const instead = tableInstead({
    nShown,
    nTotal: isFiltered && data ? 1 : nTotal,
    isLoading: data === undefined && error === null,
    error,
    failed: t('dnsCache.failed'),
    empty: (
      <EmptyState
        icon={<DatabaseZap size={28} aria-hidden />}
        title={t('dnsCache.empty')}
        hint={t(status?.running === false ? 'dnsCache.empty.stopped' : 'dnsCache.empty.hint')}
        testId="cache-empty"
      />
    ),
    onClearFilters: onClear,
  })
  return (
    <>
      <LiveTable
        view={view}
        columns={cacheColumns}
        label={t('dnsCache.table')}
        sort={null}
        onSort={() => undefined}
        openId={null}
        onOpen={copy}
        selection={NOTHING}
        onSelect={copy}
        onCopy={copy}
        onExport={() => exportCache(view.matching())}
        instead={instead}
        notLiveSinceMs={notLiveSinceMs}
        testId="cache-table"
        rowTestId="cache-row"
      />
      <div className="flex min-h-8 flex-wrap items-center justify-between gap-3">
        <span data-testid="cache-count" className="tabular text-sm text-muted">
          {hasNextPage
            ? t('dnsCache.count.loaded', { shown: nTotal, n: total })
            : t('dnsCache.count', { n: total })}
        </span>
        {hasNextPage ? (
          <Button
            data-testid="cache-more"
            disabled={isFetchingNextPage}
            onClick={() => void fetchNextPage()}
          >
            {t('dnsCache.more')}
          </Button>
        ) : null}
      </div>
    </>
  )
}

function exportCache(answers: readonly CacheRow[]): void {
  const head = ['name', 'type', 'rcode', 'ttl_initial', 'hits', 'size_bytes', 'answer'] as const
  const rows = answers.map((row) => [
    row.name,
    row.type,
    row.rcode,
    row.ttl_initial,
    row.hits,
    row.size_bytes,
    [...row.chain, ...row.addresses].join(' '),
  ])
  download('dns-cache.csv', 'text/csv', csv(head, rows))
}
