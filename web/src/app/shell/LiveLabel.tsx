/** Says whether the page is live, in one word, and all about it on demand. */

import { type ReactNode, useId, useState } from 'react'
import { client, isShared } from '../../lib/client.ts'
import { useNow } from '../../lib/clock.ts'
import { agoText, stateText, useConnection, useTone } from '../../lib/connection.ts'
import { cx } from '../../lib/cx.ts'
import { formatDuration } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { useKey } from '../../lib/keys.ts'
import type { Tone } from '../../lib/tone.ts'

const LABELS: Readonly<Record<Tone, string>> = {
  live: t('live.label.live'),
  connecting: t('live.label.connecting'),
  disconnected: t('live.label.disconnected'),
}

const TONES: Readonly<Record<Tone, string>> = {
  live: 'text-ok',
  connecting: 'text-warn',
  disconnected: 'text-bad',
}

const DOTS: Readonly<Record<Tone, string>> = {
  live: 'bg-ok',
  connecting: 'bg-warn animate-pulse-dot',
  disconnected: 'bg-bad',
}

export function LiveLabel(): ReactNode {
  const tone = useTone()
  const { status } = useConnection()
  const [isOpen, setIsOpen] = useState(false)
  const tooltipId = useId()
  useKey('Escape', () => setIsOpen(false), isOpen)
  return (
    <div
      className="relative"
      onPointerEnter={(event) => event.pointerType === 'mouse' && setIsOpen(true)}
      onPointerLeave={() => setIsOpen(false)}
    >
      <button
        type="button"
        data-testid="sse-status"
        data-tone={tone}
        data-status={status}
        aria-describedby={isOpen ? tooltipId : undefined}
        onFocus={() => setIsOpen(true)}
        onBlur={() => setIsOpen(false)}
        onClick={() => {
          setIsOpen(true)
          if (tone !== 'live') client.reconnect()
        }}
        className={cx(
          'flex h-8 items-center gap-2 rounded-full border border-line-strong bg-surface px-3',
          'text-sm font-medium transition-colors hover:bg-inset',
          TONES[tone],
        )}
      >
        <span
          data-testid="sse-status-dot"
          aria-hidden
          className={cx('size-2 rounded-full forced-colors:bg-[CanvasText]', DOTS[tone])}
        />
        <span data-testid="sse-status-label">{LABELS[tone]}</span>
      </button>
      {isOpen ? <Details id={tooltipId} tone={tone} /> : null}
      <span role="status" className="sr-only">
        {LABELS[tone]}
      </span>
    </div>
  )
}

/** The tooltip; its counters are pulled each second, since nobody is told of every event. */
function Details({ id, tone }: { readonly id: string; readonly tone: Tone }): ReactNode {
  const nowMs = useNow('second')
  const connection = useConnection()
  const stats = client.stats()
  const { nextRetryAt, attempt, error } = connection
  const rows: (readonly [string, string])[] = [
    [t('live.field.state'), stateText(connection)],
    [t('live.field.since'), formatDuration(nowMs - connection.since)],
    [t('live.field.lastEvent'), agoText(stats.lastEventAt, nowMs)],
    [t('live.field.lastSign'), agoText(stats.lastActivityAt, nowMs)],
    [t('live.field.position'), stats.lastEventId ?? '–'],
    [t('live.field.shared'), t(isShared() ? 'live.value.shared' : 'live.value.own')],
  ]
  if (nextRetryAt !== null && connection.status !== 'open') {
    const time = formatDuration(Math.max(0, nextRetryAt - nowMs))
    rows.push([t('live.field.retry'), t('live.value.retryIn', { time, n: attempt })])
  }
  if (error !== null && tone !== 'live') rows.push([t('live.field.reason'), error.message])
  return (
    <div
      id={id}
      role="tooltip"
      className="absolute end-0 top-full z-40 mt-2 w-80 max-w-[calc(100vw-1.5rem)] rounded-card border border-line bg-raised p-3 text-sm text-text shadow-pop"
    >
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {rows.map(([name, value]) => (
          <div key={name} className="col-span-2 grid grid-cols-subgrid">
            <dt className="text-muted">{name}</dt>
            <dd className="tabular text-end break-words">{value}</dd>
          </div>
        ))}
      </dl>
      {tone === 'live' ? null : (
        <p className="mt-2.5 border-t border-line pt-2 text-xs text-muted">{t('live.hint')}</p>
      )}
    </div>
  )
}
