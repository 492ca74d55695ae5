/** Says that what is shown is partly made up, and how to end that. */

import { FlaskConical } from 'lucide-react'
import { type ReactNode, useId, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { t } from '../../lib/i18n.ts'
import { simulateChange, switchDemo, useIsDemo } from '../../lib/simulate.ts'

export function DemoBadge(): ReactNode {
  const isDemo = useIsDemo()
  const id = useId()
  const [problem, setProblem] = useState<string | null>(null)
  if (!isDemo) return null
  const run = (act: () => Promise<void>): void => {
    setProblem(null)
    act().catch((error: Error) => setProblem(error.message))
  }
  return (
    <>
      <button
        type="button"
        data-testid="demo-badge"
        popoverTarget={id}
        className="flex h-8 items-center gap-1.5 rounded-full bg-info-tint px-2.5 text-xs font-semibold text-info forced-colors:border"
      >
        <FlaskConical size={14} aria-hidden />
        <span className="sr-only sm:not-sr-only">{t('demo.badge')}</span>
      </button>
      <div
        id={id}
        popover="auto"
        className="fixed end-4 top-14 bottom-auto m-0 ms-auto w-80 max-w-[calc(100vw-2rem)] rounded-card border border-line bg-raised p-4 text-sm text-text shadow-pop"
      >
        <p className="font-semibold">{t('demo.title')}</p>
        <p className="mt-1 text-muted">{t('demo.text')}</p>
        <div className="mt-3 flex flex-wrap gap-2">
          <Button data-testid="demo-leave" onClick={() => run(() => switchDemo(false))}>
            {t('demo.leave')}
          </Button>
          <Button tone="quiet" onClick={() => run(simulateChange)}>
            {t('demo.change')}
          </Button>
        </div>
        <p className="mt-2 text-xs text-muted">{t('demo.leave.hint')}</p>
        {problem ? (
          <p role="alert" className="mt-2 text-bad">
            {t('demo.failed', { reason: problem })}
          </p>
        ) : null}
      </div>
    </>
  )
}
