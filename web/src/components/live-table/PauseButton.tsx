/** Freezes a table and says since when and how much has happened meanwhile. */

import { Pause, Play } from 'lucide-react'
import { type ReactNode, useSyncExternalStore } from 'react'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type LiveView, PAUSED_CHANGES_MAX } from '../../lib/live/liveView.ts'
import { Button } from '../ui/Button.tsx'

export function PauseButton<Row>({ view }: { readonly view: LiveView<Row> }): ReactNode {
  const { pausedAtMs } = useSyncExternalStore(view.subscribe, view.state)
  if (pausedAtMs === null) {
    return (
      <Button icon={<Pause size={14} aria-hidden />} data-testid="pause" onClick={view.pause}>
        {t('table.pause')}
      </Button>
    )
  }
  return (
    <Button
      tone="primary"
      icon={<Play size={14} aria-hidden />}
      data-testid="pause"
      onClick={view.resume}
    >
      {t('table.resume')}
    </Button>
  )
}

/** Text beside the button while paused, or while changes are only sampled. */
export function PauseText<Row>({ view }: { readonly view: LiveView<Row> }): ReactNode {
  const state = useSyncExternalStore(view.subscribe, view.state)
  if (state.pausedAtMs !== null) {
    const n = state.nPausedChanges
    const changes =
      n > PAUSED_CHANGES_MAX
        ? t('table.paused.many', { n: PAUSED_CHANGES_MAX })
        : t('table.paused.changes', { n })
    return (
      <span data-testid="paused" className="tabular text-sm font-medium text-warn">
        {t('table.paused', { time: formatClock(state.pausedAtMs) })}, {changes}
      </span>
    )
  }
  if (!state.isSampling) return null
  return <span className="text-sm text-muted">{t('table.sampling')}</span>
}
