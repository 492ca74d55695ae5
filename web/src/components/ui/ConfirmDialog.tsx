/** Asks once before something is done that cannot simply be undone. */

import { type ReactNode, useState } from 'react'
import { t } from '../../lib/i18n.ts'
import { Button } from './Button.tsx'
import { Modal } from './Modal.tsx'
import { Problem } from './Problem.tsx'

export interface ConfirmDialogProps {
  readonly title: string
  readonly children: ReactNode
  /** Words of the button that does it. */
  readonly yes: string
  /** Whether it can be done yet. */
  readonly isReady?: boolean
  /** Does it; what it throws is shown and the dialog stays. */
  readonly onYes: () => Promise<unknown>
  readonly onClose: () => void
  readonly testId?: string
}

export function ConfirmDialog(props: ConfirmDialogProps): ReactNode {
  const [isBusy, setIsBusy] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const run = (): void => {
    setIsBusy(true)
    setProblem(null)
    props.onYes().then(props.onClose, (error: Error) => {
      setIsBusy(false)
      setProblem(error.message)
    })
  }
  return (
    <Modal
      title={props.title}
      onClose={props.onClose}
      {...(props.testId ? { testId: props.testId } : {})}
      footer={
        <>
          <Button onClick={props.onClose}>{t('common.cancel')}</Button>
          <Button
            tone="danger"
            data-testid="confirm"
            disabled={isBusy || props.isReady === false}
            onClick={run}
          >
            {props.yes}
          </Button>
        </>
      }
    >
      {props.children}
      <Problem text={problem} />
    </Modal>
  )
}
