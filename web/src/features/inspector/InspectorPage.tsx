/** Events as they come, looked at closely, and a way to publish some. */

import { useNavigate, useSearch } from '@tanstack/react-router'
import { Radar } from 'lucide-react'
import { type ReactNode, useMemo, useState, useSyncExternalStore } from 'react'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import { tableInstead } from '../../components/live-table/TableInstead.tsx'
import { EmptyState, PageHeader } from '../../components/ui/Surface.tsx'
import { parsePatterns } from '../../lib/channelPattern.ts'
import { copyText } from '../../lib/clipboard.ts'
import { useNotLiveSince } from '../../lib/connection.ts'
import { download } from '../../lib/csv.ts'
import { t } from '../../lib/i18n.ts'
import type { Arrangement } from '../../lib/live/liveView.ts'
import { useLiveView } from '../../lib/live/useLiveView.ts'
import { wireText } from './EventDetails.tsx'
import { eventColumns } from './eventColumns.tsx'
import { EVENTS_MAX, type InspectedEvent } from './eventLog.ts'
import { FollowBar } from './FollowBar.tsx'
import { EVERYTHING, type InspectorSearch, startAfter } from './inspectorSearch.ts'
import { type Panel, SidePanel } from './SidePanel.tsx'
import type { PublishDraft } from './snippets.ts'
import { type InspectorNote, useInspector } from './useInspector.ts'

const NOTHING: ReadonlySet<string> = new Set()
const FIRST_DRAFT: PublishDraft = {
  channel: 'demo/hello',
  type: 'note',
  data: '{ "text": "hello" }',
  ttl: '',
  id: '',
}

export function InspectorPage(): ReactNode {
  const search = useSearch({ from: '/hub/inspector' })
  const navigate = useNavigate({ from: '/hub/inspector' })
  const { channels = EVERYTHING, from, q = '', frames = false } = search
  const patterns = useMemo(() => parsePatterns(channels), [channels])
  const { log, note } = useInspector(patterns, from, frames)
  const view = useLiveView(
    log,
    useMemo(() => newestFirst(q), [q]),
  )
  const { nShown, nMatching, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  const [panel, setPanel] = useState<Panel>('publish')
  const [chosen, setChosen] = useState<InspectedEvent | null>(null)
  const [draft, setDraft] = useState(FIRST_DRAFT)
  const notLiveSinceMs = useNotLiveSince()
  const change = (patch: InspectorSearch, replace = false): void => {
    void navigate({ search: (before) => ({ ...before, ...patch }), replace })
  }
  const open = (id: string): void => {
    setChosen(view.row(id))
    setPanel('event')
  }
  const instead = tableInstead({
    nShown,
    nTotal,
    isLoading: false,
    error: null,
    failed: t('hub.failed'),
    empty: (
      <EmptyState
        icon={<Radar size={28} aria-hidden />}
        title={t('inspector.waiting')}
        hint={t('inspector.waiting.hint', { channels })}
      />
    ),
    onClearFilters: () => change({ q: '' }),
  })
  return (
    <div className="flex min-h-full flex-col gap-3 p-3 md:p-5 lg:h-full">
      <PageHeader title={t('inspector.title')} subtitle={t('inspector.subtitle')}>
        <PauseText view={view} />
        <span data-testid="inspector-count" className="tabular text-sm text-muted">
          {nTotal >= EVENTS_MAX
            ? t('inspector.count.full', { n: nMatching })
            : t('inspector.count', { n: nMatching })}
        </span>
        <PauseButton view={view} />
      </PageHeader>
      <FollowBar
        search={search}
        onChange={change}
        onClear={() => log.clear()}
        onSave={() => saveEvents(view.matching())}
      />
      <Note note={note} />
      <div className="grid min-h-0 flex-1 gap-3 lg:grid-cols-[minmax(0,1fr)_24rem]">
        <div className="flex h-[26rem] min-h-0 flex-col lg:h-auto">
          <LiveTable
            view={view}
            columns={eventColumns}
            label={t('inspector.table')}
            sort={null}
            onSort={() => undefined}
            openId={chosen ? String(chosen.n) : null}
            onOpen={open}
            selection={NOTHING}
            onSelect={open}
            onCopy={(id) => void copyText(rowText(view.row(id)))}
            onExport={() => saveEvents(view.matching())}
            instead={instead}
            notLiveSinceMs={from === undefined ? notLiveSinceMs : null}
            isNewestFirst
            testId="inspector-table"
            rowTestId="event-row"
          />
        </div>
        <SidePanel
          panel={panel}
          onPanel={setPanel}
          chosen={chosen}
          before={chosen === null ? null : log.before(chosen)}
          onReplay={(position) => change({ from: startAfter(position) })}
          draft={draft}
          onDraft={setDraft}
          patterns={patterns ?? []}
        />
      </div>
    </div>
  )
}

function Note({ note }: { readonly note: InspectorNote }): ReactNode {
  if (note.kind === 'none') return null
  const { reason } = note
  return (
    <p role="status" className="rounded-control bg-warn-tint px-3 py-2 text-sm text-warn">
      {t(note.kind === 'gap' ? 'inspector.gap' : 'inspector.closed', { reason })}
    </p>
  )
}

function newestFirst(text: string): Arrangement<InspectedEvent> {
  const wanted = text.trim().toLowerCase()
  const filter = (row: InspectedEvent): boolean =>
    row.event.type.toLowerCase().includes(wanted) ||
    row.event.channel.toLowerCase().includes(wanted) ||
    row.preview.toLowerCase().includes(wanted)
  return { key: ({ n }) => n, direction: 'desc', filter: wanted ? filter : null }
}

function rowText(row: InspectedEvent | null): string {
  return row ? wireText(row) : ''
}

/** Hands the events out oldest first, one JSON object a line. */
function saveEvents(events: readonly InspectedEvent[]): void {
  const lines = [...events].reverse().map(({ event }) => `${JSON.stringify(event)}\n`)
  download('events.ndjson', 'application/x-ndjson', lines.join(''))
}
