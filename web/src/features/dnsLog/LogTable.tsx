/** The lines of the log: live on top, the past below as far as somebody scrolls. */

import {
  lazy,
  type MouseEvent,
  type ReactNode,
  Suspense,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
} from 'react'
import type { DnsLoggedQuery } from 'tidings'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { useNotLiveSince } from '../../lib/connection.ts'
import type { LogFeed, LogFeedState } from '../../lib/dns/logFeed.ts'
import type { RuleAction } from '../../lib/dns/ownRules.ts'
import type { LogRow } from '../../lib/dns/queryLog.ts'
import { t } from '../../lib/i18n.ts'
import type { LiveView } from '../../lib/live/liveView.ts'
import { type ColumnContext, logColumns } from './logColumns.tsx'

const RowMenu = lazy(() => import('./RowMenu.tsx').then((module) => ({ default: module.RowMenu })))

const NOTHING: ReadonlySet<string> = new Set()

export interface LogTableProps {
  readonly view: LiveView<LogRow>
  readonly feed: LogFeed
  readonly state: LogFeedState
  readonly context: ColumnContext
  readonly isLive: boolean
  readonly openId: string | null
  readonly instead: ReactNode
  readonly onOpen: (id: string) => void
  readonly onLease: (id: string) => void
  readonly onAct: (action: RuleAction, entry: DnsLoggedQuery) => void
  readonly onFilter: (added: string) => void
  readonly onExport: () => void
  readonly dig: (entry: DnsLoggedQuery) => string
}

interface OpenMenu {
  readonly entry: DnsLoggedQuery
  readonly id: string
  readonly anchor: Element
}

export function LogTable(props: LogTableProps): ReactNode {
  const { view, feed, state, context, onAct, onOpen } = props
  const columns = useMemo(() => logColumns(context), [context])
  const notLiveSinceMs = useNotLiveSince()
  const [menu, setMenu] = useState<OpenMenu | null>(null)
  useHeldLog(view, feed)
  useEffect(() => view.hold('menu', menu !== null), [view, menu])

  const withEntry = (id: string, run: (entry: DnsLoggedQuery) => void): void => {
    const entry = view.row(id)?.entry
    if (entry) run(entry)
  }
  const onClick = (event: MouseEvent): void => {
    const target = event.target instanceof Element ? event.target : null
    const link = target?.closest<HTMLAnchorElement>('a[data-lease]')
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault()
      props.onLease(link.dataset.lease ?? '')
      return
    }
    const button = target?.closest<HTMLElement>('[data-menu]')
    const id = button?.dataset.menu
    if (button && id !== undefined) withEntry(id, (entry) => setMenu({ entry, id, anchor: button }))
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: hears the buttons and links in the rows
    // biome-ignore lint/a11y/useKeyWithClickEvents: a button or link pressed by key is a click, too
    <div className="flex min-h-0 flex-1 flex-col" onClick={onClick}>
      <LiveTable
        view={view}
        columns={columns}
        label={t('dnsLog.table')}
        sort={null}
        onSort={() => undefined}
        openId={props.openId}
        onOpen={onOpen}
        selection={NOTHING}
        onSelect={onOpen}
        onCopy={(id) => withEntry(id, (entry) => void copyText(entry.name))}
        onExport={props.onExport}
        rowKeys={{
          b: (id) => withEntry(id, (entry) => onAct('block', entry)),
          a: (id) => withEntry(id, (entry) => onAct('allow', entry)),
        }}
        onEnd={feed.loadOlder}
        instead={props.instead}
        notLiveSinceMs={props.isLive ? notLiveSinceMs : null}
        isNewestFirst
        testId="log-table"
        rowTestId="log-row"
      />
      <p role="status" className="sr-only">
        {state.isLoadingOlder ? t('dnsLog.loadingOlder') : ''}
      </p>
      <Suspense>
        {menu === null ? null : (
          <RowMenu
            entry={menu.entry}
            anchor={menu.anchor}
            dig={props.dig(menu.entry)}
            onClose={() => setMenu(null)}
            onAct={onAct}
            onFilter={props.onFilter}
            onExplain={() => onOpen(menu.id)}
          />
        )}
      </Suspense>
    </div>
  )
}

/** What is read further down, or frozen, must not go to make room. */
function useHeldLog(view: LiveView<LogRow>, feed: LogFeed): void {
  const { isHeld, pausedAtMs } = useSyncExternalStore(view.subscribe, view.state)
  const isRead = isHeld || pausedAtMs !== null
  useEffect(() => {
    feed.log.hold(isRead)
    return () => feed.log.hold(false)
  }, [feed, isRead])
}
