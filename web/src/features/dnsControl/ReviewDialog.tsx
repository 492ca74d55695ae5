/** Shows what would change, before and after, and applies it. */

import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Modal } from '../../components/ui/Modal.tsx'
import { t } from '../../lib/i18n.ts'
import { tomlValue } from '../../lib/settingText.ts'
import type { DraftChange } from './settingsDraft.ts'

export interface ReviewDialogProps {
  readonly changes: readonly DraftChange[]
  readonly onApply: () => void
  readonly onClose: () => void
}

export function ReviewDialog({ changes, onApply, onClose }: ReviewDialogProps): ReactNode {
  return (
    <Modal
      title={t('dnsControl.review.title', { n: changes.length })}
      width="wide"
      onClose={onClose}
      testId="review-dialog"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button tone="primary" data-testid="review-apply" onClick={onApply}>
            {t('dnsControl.bar.apply')}
          </Button>
        </>
      }
    >
      <ul className="flex flex-col gap-4">
        {changes.map(({ key, before, after }) => (
          <li key={key}>
            <p className="mono mb-1 font-medium break-all">{key}</p>
            <dl className="mono overflow-hidden rounded-control border border-line text-xs leading-5">
              <Line sign="−" name={t('dnsControl.review.before')} value={before} />
              <Line sign="+" name={t('dnsControl.review.after')} value={after} />
            </dl>
          </li>
        ))}
      </ul>
    </Modal>
  )
}

interface LineProps {
  readonly sign: '−' | '+'
  readonly name: string
  readonly value: unknown
}

function Line({ sign, name, value }: LineProps): ReactNode {
  const tint = sign === '+' ? 'bg-ok-tint text-ok' : 'bg-bad-tint text-bad'
  return (
    <div className={`flex gap-2 px-2.5 py-1.5 ${tint}`}>
      <dt className="shrink-0 select-none">
        <span aria-hidden>{sign}</span>
        <span className="sr-only">{name}</span>
      </dt>
      <dd className="min-w-0 break-all">{value === undefined ? '–' : tomlValue(value)}</dd>
    </div>
  )
}
