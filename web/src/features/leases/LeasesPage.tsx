/** The leases of the network, live. */

import { type ReactNode, useMemo } from 'react'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { useNotLiveSince } from '../../lib/connection.ts'
import { t } from '../../lib/i18n.ts'
import { exportLeases } from './exportLeases.ts'
import { LeaseDrawer } from './LeaseDrawer.tsx'
import { ColumnsMenu, ExportMenu } from './LeaseMenus.tsx'
import { LeasesToolbar } from './LeasesToolbar.tsx'
import { leaseColumns } from './leaseColumns.tsx'
import { SelectionBar } from './SelectionBar.tsx'
import { StatCards } from './StatCards.tsx'
import { useInstead } from './useInstead.tsx'
import { useLeasesTable } from './useLeasesTable.ts'

const NO_COLUMNS: readonly string[] = []

export function LeasesPage(): ReactNode {
  const table = useLeasesTable()
  const { view, state, search, change } = table
  const notLiveSinceMs = useNotLiveSince()
  const chosen = search.cols ?? NO_COLUMNS
  const instead = useInstead(table)
  const columns = useMemo(() => leaseColumns(chosen), [chosen])
  return (
    <div
      data-testid="home-page"
      className="flex h-full min-h-[52rem] flex-col gap-3 p-3 md:min-h-[34rem] md:p-5"
    >
      <PageHeader title={t('leases.title')} subtitle={t('leases.subtitle')}>
        <PauseText view={view} />
        <ColumnsMenu
          chosen={chosen}
          onChange={(cols) => change({ cols: cols.length > 0 ? cols : undefined }, 'choose')}
        />
        <ExportMenu view={view} />
        <PauseButton view={view} />
      </PageHeader>
      <LeasesToolbar table={table} />
      {state.status === 'ready' && state.isStale ? (
        <p role="status" className="rounded-control bg-warn-tint px-3 py-2 text-sm text-warn">
          {t('leases.stale')}
        </p>
      ) : null}
      <LiveTable
        view={view}
        columns={columns}
        label={t('leases.table')}
        sort={table.sort}
        onSort={table.sortBy}
        openId={search.lease ?? null}
        onOpen={(lease) => change({ lease }, 'choose')}
        selection={table.selection}
        onSelect={table.select}
        onCopy={(id) => void copyText(view.row(id)?.wire.ip_address ?? '')}
        onExport={() => exportLeases(view.matching(), 'csv')}
        instead={instead}
        notLiveSinceMs={notLiveSinceMs}
        testId="lease-table"
        rowTestId="lease-row"
      />
      <SelectionBar table={table} />
      <StatCards />
      <LeaseDrawer
        id={search.lease ?? null}
        onClose={() => change({ lease: undefined }, 'choose')}
        onFilter={(patch) => change({ ...patch, lease: undefined }, 'choose')}
      />
    </div>
  )
}
