/** Menus of the lease page: optional columns, and export. */

import { Menu } from '@base-ui/react/menu'
import { Check, Columns3, Download } from 'lucide-react'
import { type ReactNode, useSyncExternalStore } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import type { LiveView } from '../../lib/live/liveView.ts'
import { exportLeases } from './exportLeases.ts'
import { OPTIONAL_COLUMNS } from './leaseColumns.tsx'

const POPUP =
  'min-w-44 rounded-card border border-line bg-raised p-1.5 text-sm text-text shadow-pop outline-none'
const ITEM =
  'flex h-8 cursor-pointer items-center gap-2.5 rounded-control px-2.5 outline-none data-highlighted:bg-inset'

export interface LeaseMenusProps extends ColumnsMenuProps {
  readonly view: LiveView<Lease>
}

export function LeaseMenus({ view, chosen, onChange }: LeaseMenusProps): ReactNode {
  return (
    <>
      <ColumnsMenu chosen={chosen} onChange={onChange} />
      <ExportMenu view={view} />
    </>
  )
}

interface ColumnsMenuProps {
  readonly chosen: readonly string[]
  readonly onChange: (chosen: readonly string[]) => void
}

function ColumnsMenu({ chosen, onChange }: ColumnsMenuProps): ReactNode {
  return (
    <Menu.Root>
      <Menu.Trigger
        render={<Button icon={<Columns3 size={14} aria-hidden />} className="max-md:hidden" />}
      >
        {t('table.columns')}
      </Menu.Trigger>
      <Menu.Portal container={document.getElementById('main')}>
        <Menu.Positioner align="end" sideOffset={6} className="z-40">
          <Menu.Popup className={POPUP}>
            {OPTIONAL_COLUMNS.map(({ id, label }) => (
              <Menu.CheckboxItem
                key={id}
                className={ITEM}
                checked={chosen.includes(id)}
                onCheckedChange={(isOn) =>
                  onChange(isOn ? [...chosen, id] : chosen.filter((other) => other !== id))
                }
              >
                <span className="flex size-4 items-center justify-center">
                  <Menu.CheckboxItemIndicator>
                    <Check size={14} aria-hidden className="text-accent" />
                  </Menu.CheckboxItemIndicator>
                </span>
                {label}
              </Menu.CheckboxItem>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}

function ExportMenu({ view }: { readonly view: LiveView<Lease> }): ReactNode {
  const { nMatching } = useSyncExternalStore(view.subscribe, view.state)
  return (
    <Menu.Root>
      <Menu.Trigger render={<Button icon={<Download size={14} aria-hidden />} />}>
        {t('table.export')}
      </Menu.Trigger>
      <Menu.Portal container={document.getElementById('main')}>
        <Menu.Positioner align="end" sideOffset={6} className="z-40">
          <Menu.Popup className={POPUP}>
            {(['csv', 'json'] as const).map((format) => (
              <Menu.Item
                key={format}
                className={ITEM}
                onClick={() => exportLeases(view.matching(), format)}
              >
                {t(`leases.export.${format}`, { n: nMatching })}
              </Menu.Item>
            ))}
          </Menu.Popup>
        </Menu.Positioner>
      </Menu.Portal>
    </Menu.Root>
  )
}
