/** Says what waits while a table is held, and lets it in. */

import { ArrowUp } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '../../lib/i18n.ts'
import type { LiveViewState } from '../../lib/live/liveView.ts'

export interface NewPillProps {
  readonly state: LiveViewState
  readonly onApply: () => void
}

export function NewPill({ state, onApply }: NewPillProps): ReactNode {
  const { nNew, nMoved, isHeld } = state
  if (!isHeld || nNew + nMoved === 0) return null
  const what = nNew > 0 ? t('table.new', { n: nNew }) : t('table.moved', { n: nMoved })
  return (
    <div className="pointer-events-none absolute inset-x-0 top-11 z-10 flex justify-center">
      <button
        type="button"
        data-testid="new-pill"
        title={t('table.apply')}
        onClick={onApply}
        className="pointer-events-auto flex h-7 items-center gap-1.5 rounded-full bg-accent px-3 text-xs font-semibold text-on-accent shadow-pop hover:bg-accent-strong"
      >
        <ArrowUp size={13} aria-hidden />
        <span className="tabular">{what}</span>
      </button>
    </div>
  )
}
