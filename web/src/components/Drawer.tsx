/** A panel at the side with the details of one thing, and the parts that such panels are made of. */

import { Dialog } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import type { ReactNode } from 'react'
import { t } from '../lib/i18n.ts'
import { IconButton } from './ui/Button.tsx'
import { CopyButton } from './ui/CopyButton.tsx'

export interface DrawerProps {
  readonly title: string
  readonly subtitle: ReactNode
  readonly onClose: () => void
  readonly children: ReactNode
  readonly testId: string
}

/** The page beside it stays in use, so the drawer closes by its button and by Escape alone. */
export function Drawer({ title, subtitle, onClose, children, testId }: DrawerProps): ReactNode {
  return (
    <Dialog.Root
      open
      modal={false}
      disablePointerDismissal
      onOpenChange={(isOpen) => !isOpen && onClose()}
    >
      <Dialog.Portal>
        <Dialog.Popup
          data-testid={testId}
          className="fixed inset-y-0 end-0 z-30 flex w-full flex-col border-s border-line bg-raised text-text shadow-pop outline-none sm:top-13 sm:w-[25rem]"
        >
          <div className="flex items-start justify-between gap-3 border-b border-line py-3 ps-5 pe-3">
            <div className="min-w-0">
              <Dialog.Title className="truncate text-lg leading-7 font-semibold">
                {title}
              </Dialog.Title>
              <div className="flex items-center gap-2 text-sm text-muted">{subtitle}</div>
            </div>
            <Dialog.Close
              render={<IconButton aria-label={t('common.close')} icon={<X size={16} />} />}
            />
          </div>
          {children}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

/** The part of a drawer that scrolls. */
export function DrawerBody({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-6 overflow-y-auto px-5 py-4">{children}</div>
  )
}

export interface DrawerSectionProps {
  readonly title: string
  readonly children: ReactNode
}

export function DrawerSection({ title, children }: DrawerSectionProps): ReactNode {
  return (
    <section>
      <h3 className="mb-1.5 text-2xs font-semibold tracking-wide text-faint uppercase">{title}</h3>
      {children}
    </section>
  )
}

export interface FactsProps {
  readonly title: string
  readonly rows: readonly (readonly [name: string, value: string | null | undefined])[]
}

/** Values with a button that copies each; what is not known is left out. */
export function Facts({ title, rows }: FactsProps): ReactNode {
  return (
    <DrawerSection title={title}>
      <dl className="text-sm">
        {rows.map(([name, value]) =>
          value ? (
            <Fact key={name} name={name}>
              <span className="flex items-center justify-end gap-1">
                <span className="mono min-w-0 break-all">{value}</span>
                <CopyButton text={value} what={name} />
              </span>
            </Fact>
          ) : null,
        )}
      </dl>
    </DrawerSection>
  )
}

export interface FactProps {
  readonly name: string
  readonly children: ReactNode
}

export function Fact({ name, children }: FactProps): ReactNode {
  return (
    <div className="flex min-h-8 items-center justify-between gap-4">
      <dt className="shrink-0 text-muted">{name}</dt>
      <dd className="min-w-0 text-end break-words">{children}</dd>
    </div>
  )
}
