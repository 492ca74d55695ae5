/** Stays in sight while there are changes: how many, review, apply, discard. */

import { lazy, type ReactNode, Suspense, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { t } from '../../lib/i18n.ts'
import type { SettingsDraft } from './useSettingsDraft.ts'

const ReviewDialog = lazy(() =>
  import('./ReviewDialog.tsx').then((module) => ({ default: module.ReviewDialog })),
)

export function ChangesBar({ draft }: { readonly draft: SettingsDraft }): ReactNode {
  const [isReviewing, setIsReviewing] = useState(false)
  const { changes, refusal, isApplying, isApplied } = draft
  const apply = (): void => void draft.apply()
  if (changes.length === 0) {
    return (
      <p role="status" data-testid="settings-applied" className="text-sm font-medium text-ok">
        {isApplied ? t('dnsControl.bar.applied') : null}
      </p>
    )
  }
  return (
    <section
      aria-label={t('dnsControl.bar')}
      data-testid="changes-bar"
      className="sticky bottom-3 z-20 rounded-card border border-line-strong bg-raised px-4 py-3 shadow-pop"
    >
      <div className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2">
        <p role="status" className="tabular text-sm font-semibold">
          {t('dnsControl.bar.changes', { n: changes.length })}
        </p>
        <div className="flex flex-wrap items-center gap-2">
          <Button data-testid="review" onClick={() => setIsReviewing(true)}>
            {t('dnsControl.bar.review')}
          </Button>
          <Button data-testid="discard" onClick={draft.discard}>
            {t('dnsControl.bar.discard')}
          </Button>
          <Button tone="primary" data-testid="apply" disabled={isApplying} onClick={apply}>
            {t(isApplying ? 'dnsControl.bar.applying' : 'dnsControl.bar.apply')}
          </Button>
        </div>
      </div>
      <Problem
        text={
          refusal === null ? null : t('dnsControl.bar.refused', { reason: refusalText(refusal) })
        }
        testId="settings-refused"
      />
      <Suspense>
        {isReviewing ? (
          <ReviewDialog
            changes={changes}
            onApply={() => {
              setIsReviewing(false)
              apply()
            }}
            onClose={() => setIsReviewing(false)}
          />
        ) : null}
      </Suspense>
    </section>
  )
}

function refusalText({
  key,
  text,
}: {
  readonly key: string | null
  readonly text: string
}): string {
  return key === null ? text : `${key}: ${text}`
}
