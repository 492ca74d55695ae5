/** Beside the list: the chosen event, a form to publish, and the same for other programs. */

import type { ReactNode } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { serverUrl } from '../../lib/api.ts'
import { t } from '../../lib/i18n.ts'
import { Code, EventDetails } from './EventDetails.tsx'
import type { InspectedEvent } from './eventLog.ts'
import { PublishForm } from './PublishForm.tsx'
import {
  curlSnippet,
  eventSourceSnippet,
  type PublishDraft,
  typescriptSnippet,
} from './snippets.ts'

export type Panel = 'event' | 'publish' | 'code'

const PANELS: readonly Panel[] = ['publish', 'event', 'code']

export interface SidePanelProps {
  readonly panel: Panel
  readonly onPanel: (panel: Panel) => void
  readonly chosen: InspectedEvent | null
  readonly before: InspectedEvent | null
  readonly onReplay: (position: string) => void
  readonly draft: PublishDraft
  readonly onDraft: (draft: PublishDraft) => void
  readonly patterns: readonly string[]
}

export function SidePanel(props: SidePanelProps): ReactNode {
  const { panel, chosen } = props
  return (
    <section
      aria-label={t('inspector.panel')}
      className="flex min-h-0 min-w-0 flex-col overflow-auto rounded-card border border-line bg-surface"
    >
      <div className="border-b border-line p-2">
        <Choices
          label={t('inspector.panel')}
          value={panel}
          options={PANELS.map((value) => ({ value, label: t(`inspector.panel.${value}`) }))}
          onChange={props.onPanel}
        />
      </div>
      {panel === 'publish' ? <PublishForm draft={props.draft} onChange={props.onDraft} /> : null}
      {panel === 'code' ? <Snippets draft={props.draft} patterns={props.patterns} /> : null}
      {panel === 'event' && chosen ? (
        <EventDetails row={chosen} before={props.before} onReplay={props.onReplay} />
      ) : null}
      {panel === 'event' && !chosen ? (
        <p className="p-4 text-sm text-muted">{t('inspector.event.none')}</p>
      ) : null}
    </section>
  )
}

function Snippets({ draft, patterns }: Pick<SidePanelProps, 'draft' | 'patterns'>): ReactNode {
  const origin = `${location.origin}${serverUrl('')}`
  const snippets = [
    ['curl', curlSnippet(origin, draft)],
    ['typescript', typescriptSnippet(origin, patterns)],
    ['eventsource', eventSourceSnippet(origin, patterns)],
  ] as const
  return (
    <div className="flex flex-col gap-4 p-4">
      {snippets.map(([name, text]) => (
        <div key={name} className="flex min-w-0 flex-col gap-1">
          <div className="flex items-center justify-between gap-2">
            <h2 className="text-sm font-medium">{t(`inspector.code.${name}`)}</h2>
            <CopyButton text={text} what={t(`inspector.code.${name}`)} />
          </div>
          <Code text={text} />
        </div>
      ))}
    </div>
  )
}
