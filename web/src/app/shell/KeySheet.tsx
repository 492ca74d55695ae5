/** Sheet of all keys, and the switch for those that are single letters. */

import { Dialog } from '@base-ui/react/dialog'
import { Switch } from '@base-ui/react/switch'
import { X } from 'lucide-react'
import { Fragment, type ReactNode, useId } from 'react'
import { IconButton } from '../../components/ui/Button.tsx'
import { Kbd } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import { setSingleKeys, useSingleKeys } from '../../lib/keys.ts'
import { useModules } from '../../lib/modules.ts'
import { pages } from '../pages.ts'

/** Keys of one line: each is alternatives of sequences. */
type Line = readonly [keys: readonly (readonly string[])[], text: string]

const GENERAL: readonly Line[] = [
  [[['Ctrl', 'K']], t('keys.search')],
  [[['Esc']], t('keys.close')],
  [[['?']], t('keys.sheet')],
]

const TABLE: readonly Line[] = [
  [[['/']], t('keys.filter')],
  [[['j'], ['k'], ['↓'], ['↑']], t('keys.move')],
  [[['Enter']], t('keys.open')],
  [[['x']], t('keys.select')],
  [[['Space']], t('keys.pause')],
  [[['.']], t('keys.newest')],
  [[['c']], t('keys.copy')],
  [[['e']], t('keys.export')],
]

const DNS_LOG: readonly Line[] = [
  [[['b']], t('keys.block')],
  [[['a']], t('keys.allow')],
]

export function KeySheet({ onClose }: { readonly onClose: () => void }): ReactNode {
  const modules = useModules()
  const go: Line[] = pages
    .filter((page) => page.key !== null && (page.module === null || modules.has(page.module)))
    .map((page) => [[['g', page.key ?? '']], t(page.label)])
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && onClose()}>
      <Dialog.Portal>
        <Dialog.Backdrop className="fixed inset-0 z-40 bg-[var(--backdrop)]" />
        <Dialog.Popup className="fixed inset-x-3 top-[8vh] z-50 mx-auto max-h-[84vh] max-w-2xl overflow-y-auto rounded-card border border-line-strong bg-raised p-5 text-text shadow-pop">
          <div className="flex items-center justify-between">
            <Dialog.Title className="text-lg font-semibold">{t('keys.title')}</Dialog.Title>
            <Dialog.Close
              render={<IconButton aria-label={t('common.close')} icon={<X size={16} />} />}
            />
          </div>
          <div className="mt-4 grid gap-x-10 gap-y-6 sm:grid-cols-2">
            <KeyList title={t('keys.table')} lines={TABLE} />
            <div className="flex flex-col gap-6">
              <KeyList title={t('keys.general')} lines={GENERAL} />
              <KeyList title={t('keys.go')} lines={go} />
              {modules.has('dns') ? <KeyList title={t('nav.dnsLog')} lines={DNS_LOG} /> : null}
            </div>
          </div>
          <SingleKeysSwitch />
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  )
}

interface KeyListProps {
  readonly title: string
  readonly lines: readonly Line[]
}

function KeyList({ title, lines }: KeyListProps): ReactNode {
  return (
    <section>
      <h3 className="mb-1.5 text-2xs font-semibold tracking-wide text-faint uppercase">{title}</h3>
      <dl className="text-sm">
        {lines.map(([alternatives, text]) => (
          <div key={text} className="flex min-h-8 items-center justify-between gap-4">
            <dt>{text}</dt>
            <dd className="flex items-center gap-1">
              {alternatives.map((keys, place) => (
                <Fragment key={keys.join()}>
                  {place > 0 ? <span className="sr-only">{t('keys.or')}</span> : null}
                  {keys.map((key) => (
                    <Kbd key={key}>{key}</Kbd>
                  ))}
                </Fragment>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  )
}

function SingleKeysSwitch(): ReactNode {
  const isOn = useSingleKeys()
  const id = useId()
  return (
    <div className="mt-6 flex items-center justify-between gap-6 border-t border-line pt-4 text-sm">
      <div>
        <p id={id} className="font-medium">
          {t('keys.single')}
        </p>
        <p className="text-muted">{t('keys.single.hint')}</p>
      </div>
      <Switch.Root
        aria-labelledby={id}
        checked={isOn}
        onCheckedChange={setSingleKeys}
        className="flex h-6 w-10 shrink-0 rounded-full border border-line-strong bg-inset p-0.5 transition-colors data-checked:border-accent data-checked:bg-accent"
      >
        <Switch.Thumb className="size-[18px] rounded-full bg-muted transition-transform data-checked:translate-x-4 data-checked:bg-on-accent" />
      </Switch.Root>
    </div>
  )
}
