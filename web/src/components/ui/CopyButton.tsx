/** Copies a value and says whether that worked. */

import { Check, Copy, TriangleAlert } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { copyText } from '../../lib/clipboard.ts'
import { t } from '../../lib/i18n.ts'
import { Button, type ButtonTone, IconButton } from './Button.tsx'

const SHOWN_MS = 1600

export interface CopyButtonProps {
  readonly text: string
  /** What is copied, for the button's name. */
  readonly what: string
  /** Text on the button; without it the button is an icon. */
  readonly label?: string
  readonly tone?: ButtonTone
  readonly testId?: string
}

export function CopyButton({ text, what, label, tone, testId }: CopyButtonProps): ReactNode {
  const [outcome, setOutcome] = useState<'none' | 'copied' | 'failed'>('none')
  useEffect(() => {
    if (outcome === 'none') return
    const timer = setTimeout(() => setOutcome('none'), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [outcome])
  const Icon = outcome === 'copied' ? Check : outcome === 'failed' ? TriangleAlert : Copy
  const name =
    outcome === 'none'
      ? t('common.copy', { what })
      : t(outcome === 'copied' ? 'common.copied' : 'common.copyFailed')
  const onClick = (): void => {
    void copyText(text).then((isCopied) => setOutcome(isCopied ? 'copied' : 'failed'))
  }
  const icon = <Icon size={14} aria-hidden />
  return (
    <>
      {label === undefined ? (
        <IconButton aria-label={name} icon={icon} onClick={onClick} className="size-7" />
      ) : (
        <Button {...(tone ? { tone } : {})} icon={icon} onClick={onClick} data-testid={testId}>
          {outcome === 'none' ? label : name}
        </Button>
      )}
      <span role="status" className="sr-only">
        {outcome === 'none' ? '' : name}
      </span>
    </>
  )
}
