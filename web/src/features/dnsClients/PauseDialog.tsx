/** Switches filtering off for one client for some minutes. */

import type { ReactNode } from 'react'
import { PauseControl } from '../../components/dns/PauseControl.tsx'
import { Modal } from '../../components/ui/Modal.tsx'
import { t } from '../../lib/i18n.ts'

export interface PauseDialogProps {
  /** Name of the client. */
  readonly name: string
  readonly onClose: () => void
}

export function PauseDialog({ name, onClose }: PauseDialogProps): ReactNode {
  return (
    <Modal
      title={t('dnsClients.pause.title', { name })}
      onClose={onClose}
      testId="client-pause-dialog"
    >
      <p className="mb-3 text-muted">{t('dnsControl.pause.text')}</p>
      <PauseControl who={{ scope: 'client', name }} testId="pause-client" />
    </Modal>
  )
}
