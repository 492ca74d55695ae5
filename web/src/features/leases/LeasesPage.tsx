/** The leases of the network, live. */

import { Columns3, Download } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useMemo } from 'react'
import { LiveTable } from '../../components/live-table/LiveTable.tsx'
import { PauseButton, PauseText } from '../../components/live-table/PauseButton.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { copyText } from '../../lib/clipboard.ts'
import { useNotLiveSince } from '../../lib/connection.ts'
import { t } from '../../lib/i18n.ts'
import { exportLeases } from './exportLeases.ts'
import { LeasesToolbar } from './LeasesToolbar.tsx'
import { leaseColumns } from './leaseColumns.tsx'
import { SelectionBar } from './SelectionBar.tsx'
import { StatCards } from './StatCards.tsx'
import { useInstead } from './useInstead.tsx'
import { useLeasesTable } from './useLeasesTable.ts'

// What is only needed on demand comes after the rows.
const LeaseMenus = lazy(() =>
  import('./LeaseMenus.tsx').then((module) => ({ default: module.LeaseMenus })),
)
const LeaseDrawer = lazy(() =>
  import('./LeaseDrawer.tsx').then((module) => ({ default: module.LeaseDrawer })),
)

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
        <Suspense fallback={<MenuButtons />}>
          <LeaseMenus
            view={view}
            chosen={chosen}
            onChange={(cols) => change({ cols: cols.length > 0 ? cols : undefined }, 'choose')}
          />
        </Suspense>
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
      <Suspense>
        {search.lease === undefined ? null : (
          <LeaseDrawer
            id={search.lease}
            onClose={() => change({ lease: undefined }, 'choose')}
            onFilter={(patch) => change({ ...patch, lease: undefined }, 'choose')}
          />
        )}
      </Suspense>
    </div>
  )
}

/** The buttons as they look until their menus are there. */
function MenuButtons(): ReactNode {
  return (
    <>
      <Button icon={<Columns3 size={14} aria-hidden />} className="max-md:hidden">
        {t('table.columns')}
      </Button>
      <Button icon={<Download size={14} aria-hidden />}>{t('table.export')}</Button>
    </>
  )
}
