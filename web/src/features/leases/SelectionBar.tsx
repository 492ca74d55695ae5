/** What can be done with the selected leases. */

import { Download, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { t } from '../../lib/i18n.ts'
import { useKey } from '../../lib/keys.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { dhcpHostLine } from './dhcpHostLine.ts'
import { exportLeases } from './exportLeases.ts'
import type { LeasesTable } from './useLeasesTable.ts'

export function SelectionBar({ table }: { readonly table: LeasesTable }): ReactNode {
  const { selection, view, clearSelection } = table
  useKey('Escape', clearSelection, selection.size > 0)
  if (selection.size === 0) return null
  const selected = [...selection].flatMap((id): Lease[] => {
    const lease = view.row(id)
    return lease ? [lease] : []
  })
  const lines = selected.flatMap((lease) => dhcpHostLine(lease) ?? [])
  return (
    <div
      data-testid="selection-bar"
      className="flex flex-wrap items-center gap-2 rounded-card border border-accent bg-accent-tint px-3 py-2"
    >
      <span className="tabular me-auto text-sm font-medium text-accent-strong">
        {t('table.selected', { n: selection.size })}
      </span>
      <CopyButton
        text={`${lines.join('\n')}\n`}
        what="dhcp-host"
        label={t('leases.selected.copy')}
      />
      <Button
        icon={<Download size={14} aria-hidden />}
        onClick={() => exportLeases(selected, 'csv')}
      >
        {t('leases.selected.export')}
      </Button>
      <IconButton
        aria-label={t('table.clearSelection')}
        icon={<X size={16} />}
        onClick={clearSelection}
      />
    </div>
  )
}
