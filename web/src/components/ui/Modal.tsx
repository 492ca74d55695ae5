/** A dialog in the middle of the page: a title, what it asks, and buttons below. */

import { Dialog } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'
import { t } from '../../lib/i18n.ts'
import { IconButton } from './Button.tsx'

export type ModalWidth = 'narrow' | 'wide'

export interface ModalProps {
  readonly title: string
  readonly onClose: () => void
  readonly children: ReactNode
  /** Buttons, the one that acts last. */
  readonly footer?: ReactNode
  readonly width?: ModalWidth
  readonly testId?: string
}

const WIDTHS: Readonly<Record<ModalWidth, string>> = { narrow: 'max-w-md', wide: 'max-w-2xl' }

export function Modal(props: ModalProps): ReactNode {
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && props.onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[var(--backdrop)]" />
        <Dialog.Popup
          data-testid={props.testId}
          className={cx(
            'fixed inset-x-3 top-[8dvh] z-50 mx-auto flex max-h-[84dvh] flex-col rounded-card',
            'border border-line-strong bg-raised text-text shadow-pop outline-none',
            WIDTHS[props.width ?? 'narrow'],
          )}
        >
          <div className="flex items-center justify-between gap-3 py-3 ps-5 pe-3">
            <Dialog.Title className="min-w-0 text-base font-semibold break-words">
              {props.title}
            </Dialog.Title>
            <Dialog.Close
              render={<IconButton aria-label={t('common.close')} icon={<X size={16} />} />}
            />
          </div>
          <div className="min-h-0 overflow-y-auto px-5 pt-1 pb-5 text-sm">{props.children}</div>
          {props.footer ? (
            <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">
              {props.footer}
            </div>
          ) : null}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
