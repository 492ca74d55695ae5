/** The list of one filter with its count, pause and details. */

import { useNavigate } from '@tanstack/react-router'
import {
  lazy,
  type ReactNode,
  Suspense,
  useCallback,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react'
import type { DnsLoggedQuery } from 'tidings'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import type { DnsStatus } from '../../lib/dns/dnsStatus.ts'
import { createGroupedLog } from '../../lib/dns/groupedLog.ts'
import { useListName } from '../../lib/dns/listNames.ts'
import type { RuleAction } from '../../lib/dns/ownRules.ts'
import type { LogRow } from '../../lib/dns/queryLog.ts'
import { t } from '../../lib/i18n.ts'
import { useLeasesByAddress } from '../../lib/leases/leaseByAddress.ts'
import type { Arrangement } from '../../lib/live/liveView.ts'
import { useLiveView } from '../../lib/live/useLiveView.ts'
import { usePauseInUrl } from '../../lib/live/usePauseInUrl.ts'
import type { ChangeLog } from './DnsLogPage.tsx'
import { digCommand } from './digCommand.ts'
import type { DnsLogSearch } from './dnsLogSearch.ts'
import { exportLog } from './ExportMenu.tsx'
import { LogTable } from './LogTable.tsx'
import { logInstead } from './logInstead.tsx'
import type { LogFeedInUse } from './useLogFeed.ts'

const LogDrawer = lazy(() =>
  import('./LogDrawer.tsx').then((module) => ({ default: module.LogDrawer })),
)

const NEWEST_FIRST: Arrangement<LogRow> = {
  key: ({ place }) => place,
  direction: 'desc',
  filter: null,
}

export interface LogBodyProps {
  readonly search: DnsLogSearch
  readonly change: ChangeLog
  readonly inUse: LogFeedInUse
  readonly status: DnsStatus | undefined
  readonly onAct: (action: RuleAction, entry: DnsLoggedQuery) => void
  readonly onFilter: (added: string) => void
}

export function LogBody(props: LogBodyProps): ReactNode {
  const { search, change, inUse, status, onAct, onFilter } = props
  const { feed, state, stored } = inUse
  const navigate = useNavigate()
  const [grouped] = useState(() => (search.group ? createGroupedLog(feed.log) : null))
  useEffect(() => grouped?.open(), [grouped])
  const view = useLiveView(grouped ?? feed.log, NEWEST_FIRST)
  const { nShown, nMatching } = useSyncExternalStore(view.subscribe, view.state)
  const leases = useLeasesByAddress()
  const listName = useListName()
  const context = useMemo(() => ({ leases, listName }), [leases, listName])
  const onPaused = useCallback((paused: number | undefined) => change({ paused }, 'type'), [change])
  usePauseInUrl(view, { paused: search.paused, onPaused, isReady: state.status === 'ready' })
  useEffect(() => view.hold('drawer', search.entry !== undefined), [view, search.entry])

  const address = status?.addresses.find(({ transport }) => transport === 'udp')?.address
  const dig = (entry: DnsLoggedQuery): string => digCommand(entry, address, location.hostname)
  const isLive = search.to === undefined
  // Kept, so that the details stay when the line goes to make room.
  const [opened, setOpened] = useState<DnsLoggedQuery | null>(null)
  const found = search.entry === undefined ? null : (view.row(search.entry)?.entry ?? null)
  const entry = found ?? (opened?.id === search.entry ? opened : null)
  const open = (id: string): void => {
    setOpened(view.row(id)?.entry ?? null)
    change({ entry: id }, 'choose')
  }
  return (
    <>
      <div className="flex min-h-8 flex-wrap items-center justify-between gap-3">
        <span data-testid="log-count" className="tabular text-sm text-muted">
          {t(state.isEnd || nMatching === 0 ? 'dnsLog.count.all' : 'dnsLog.count', {
            n: nMatching,
          })}
          {isLive ? null : ` · ${t('dnsLog.past')}`}
        </span>
        <span className="flex items-center gap-3">
          <PauseText view={view} />
          <PauseButton view={view} />
        </span>
      </div>
      <LogTable
        view={view}
        feed={feed}
        state={state}
        context={context}
        isLive={isLive}
        openId={search.entry ?? null}
        instead={logInstead({
          nShown,
          state,
          status,
          isFiltered: stored !== '',
          onClear: () =>
            change(
              { filter: undefined, range: undefined, from: undefined, to: undefined },
              'choose',
            ),
          onRetry: feed.reload,
        })}
        onOpen={open}
        onLease={(lease) => void navigate({ to: '/leases', search: { lease } })}
        onAct={onAct}
        onFilter={onFilter}
        onExport={() => exportLog(stored, 'csv')}
        dig={dig}
      />
      <Suspense>
        {search.entry === undefined ? null : (
          <LogDrawer
            entry={entry}
            lease={entry ? leases.get(entry.client) : undefined}
            listName={listName}
            dig={entry ? dig(entry) : ''}
            onClose={() => change({ entry: undefined }, 'choose')}
            onAct={onAct}
            onFilter={onFilter}
          />
        )}
      </Suspense>
    </>
  )
}
