/** One event whole: what it says of itself, and its data in three forms. */

import { type ReactNode, useState } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { cx } from '../../lib/cx.ts'
import { formatBytes, formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { InspectedEvent } from './eventLog.ts'
import { type DiffLine, lineDiff } from './lineDiff.ts'

type Form = 'pretty' | 'raw' | 'diff'

const FORMS: readonly Form[] = ['pretty', 'raw', 'diff']

export interface EventDetailsProps {
  readonly row: InspectedEvent
  /** The event before it on the same channel, for the comparison. */
  readonly before: InspectedEvent | null
  readonly onReplay: (position: string) => void
}

export function EventDetails({ row, before, onReplay }: EventDetailsProps): ReactNode {
  const [form, setForm] = useState<Form>('pretty')
  const { event } = row
  const text = form === 'raw' ? wireText(row) : pretty(event.data)
  const facts: readonly (readonly [string, string])[] = [
    [t('inspector.column.channel'), event.channel || t('inspector.frames.channel')],
    [t('inspector.column.type'), event.type],
    [t('inspector.column.time'), formatMoment(event.timestamp ?? row.receivedAtMs)],
    [t('inspector.event.position'), event.id ?? t('inspector.event.noPosition')],
    [t('inspector.column.size'), formatBytes(row.sizeBytes)],
  ]
  return (
    <div data-testid="event-details" className="flex min-h-0 flex-1 flex-col gap-3 p-4">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-muted">{name}</dt>
            <dd className="tabular min-w-0 break-words">{value}</dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap items-center gap-2">
        <Choices
          label={t('inspector.event.view')}
          value={form}
          options={FORMS.map((value) => ({ value, label: t(`inspector.event.${value}`) }))}
          onChange={setForm}
        />
        <CopyButton text={text} what={t('inspector.column.data')} />
        {event.id === null ? null : (
          <Button onClick={() => event.id !== null && onReplay(event.id)}>
            {t('inspector.event.replay')}
          </Button>
        )}
      </div>
      {form === 'diff' ? <Diff row={row} before={before} /> : <Code text={text} />}
    </div>
  )
}

export function Code({ text }: { readonly text: string }): ReactNode {
  return (
    <pre
      tabIndex={0}
      className="mono min-h-24 flex-1 overflow-auto rounded-control bg-inset p-3 text-xs leading-5"
    >
      {text}
    </pre>
  )
}

const SIGNS: Readonly<Record<DiffLine['kind'], string>> = { same: ' ', removed: '-', added: '+' }

function Diff({ row, before }: Pick<EventDetailsProps, 'row' | 'before'>): ReactNode {
  if (before === null) return <p className="text-sm text-muted">{t('inspector.event.first')}</p>
  const lines = lineDiff(pretty(before.event.data), pretty(row.event.data))
  if (lines.every((line) => line.kind === 'same')) {
    return <p className="text-sm text-muted">{t('inspector.event.same')}</p>
  }
  return (
    <pre
      tabIndex={0}
      className="mono min-h-24 flex-1 overflow-auto rounded-control bg-inset p-3 text-xs leading-5"
    >
      {lines.map((line, place) => (
        <span
          // biome-ignore lint/suspicious/noArrayIndexKey: a line has nothing else to be known by
          key={place}
          className={cx(
            'block',
            line.kind === 'added' && 'bg-ok-tint text-ok',
            line.kind === 'removed' && 'bg-bad-tint text-bad',
          )}
        >
          {SIGNS[line.kind]} {line.text}
        </span>
      ))}
    </pre>
  )
}

function pretty(data: unknown): string {
  return JSON.stringify(data, null, 2) ?? 'null'
}

/** Returns the event as the envelope carries it on the wire, or the frame as it came. */
export function wireText({ event, frame }: InspectedEvent): string {
  if (frame !== null) return frame
  const { channel, type, data, timestamp } = event
  const id = event.id === null ? '' : `id: ${event.id}\n`
  return `${id}data: ${JSON.stringify({ type: channel, event: type, data, timestamp })}`
}
