/** One pool: usage, settings, strip of addresses, and the same as a table. */

import { Link } from '@tanstack/react-router'
import { type ReactNode, useMemo } from 'react'
import { UsageBar } from '../../components/UsageBar.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { Badge, Card } from '../../components/ui/Surface.tsx'
import { cx } from '../../lib/cx.ts'
import { formatDuration } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { POOL_FULL_PERCENT, type PoolUsage } from '../../lib/leases/pools.ts'
import { HeatStrip } from './HeatStrip.tsx'
import { type CellKind, type PoolCells, poolCells } from './poolCells.ts'

/** Rows of the table under the strip. */
const TABLE_ROWS_MAX = 256

export interface PoolCardProps {
  readonly pool: PoolUsage
  readonly leases: readonly Lease[]
}

export function PoolCard({ pool, leases }: PoolCardProps): ReactNode {
  const cells = useMemo(() => poolCells(pool, leases), [pool, leases])
  const { used_addresses: used, total_addresses: total, usage_percentage: percent } = pool
  return (
    <Card testId="pool-card" className="flex flex-col gap-4 p-4 md:p-5">
      <header className="flex flex-wrap items-start justify-between gap-x-6 gap-y-2">
        <div className="min-w-0">
          <h2 className="flex items-center gap-2.5 text-base font-semibold">
            {pool.pool_name}
            {percent >= POOL_FULL_PERCENT ? <Badge tone="bad">{t('pools.full')}</Badge> : null}
          </h2>
          <p className="mono text-sm text-muted">
            {t('pools.range', { start: pool.start_ip, end: pool.end_ip ?? '–' })}
          </p>
        </div>
        <Link
          to="/leases"
          search={{ pool: pool.pool_name }}
          className="flex h-8 items-center text-sm font-medium text-accent-strong hover:underline"
        >
          {t('pools.leases')}
        </Link>
      </header>
      <div>
        <UsageBar
          label={t('pools.usage', { pool: pool.pool_name })}
          percent={percent}
          warnFrom={POOL_FULL_PERCENT}
        />
        <Settings pool={pool} used={used} total={total} nextFree={cells?.nextFree ?? null} />
      </div>
      {cells === null ? null : <Addresses pool={pool} cells={cells} />}
      {pool.note ? <p className="text-sm text-muted">{pool.note}</p> : null}
    </Card>
  )
}

interface SettingsProps {
  readonly pool: PoolUsage
  readonly used: number
  readonly total: number
  readonly nextFree: string | null
}

function Settings({ pool, used, total, nextFree }: SettingsProps): ReactNode {
  const duration = pool.lease_duration
  return (
    <div className="tabular mt-1.5 flex flex-wrap items-center gap-x-5 gap-y-1 text-sm text-muted">
      <span>{t('pools.used', { used, n: total })}</span>
      <span>
        {duration === null
          ? t('pools.duration.infinite')
          : t('pools.duration', { time: formatDuration(duration * 1000) })}
      </span>
      {nextFree === null ? null : (
        <span className="flex items-center gap-1">
          {t('pools.next')} <span className="mono text-text">{nextFree}</span>
          <CopyButton text={nextFree} what={t('pools.next')} />
        </span>
      )}
      <span className="ms-auto">{pool.source}</span>
    </div>
  )
}

const SWATCHES: readonly (readonly [CellKind, string])[] = [
  ['leased', 'bg-accent'],
  ['reserved', 'bg-info'],
  ['expired', 'bg-line-strong'],
  ['other', 'bg-bad'],
  ['free', 'bg-inset'],
]

interface AddressesProps {
  readonly pool: PoolUsage
  readonly cells: PoolCells
}

function Addresses({ pool, cells }: AddressesProps): ReactNode {
  const { counts, addressesPerCell } = cells
  const label = t('pools.strip', {
    pool: pool.pool_name,
    used: counts.leased,
    reserved: counts.reserved,
    expired: counts.expired,
    free: counts.free,
  })
  return (
    <div>
      <HeatStrip cells={cells} label={label} />
      <ul className="flex flex-wrap gap-x-4 gap-y-1 text-xs text-muted">
        {SWATCHES.filter(([kind]) => counts[kind] > 0).map(([kind, colour]) => (
          <li key={kind} className="flex items-center gap-1.5">
            <span aria-hidden className={cx('size-2.5 rounded-[3px] border border-line', colour)} />
            {t(`pools.cell.${kind}`)} <span className="tabular text-text">{counts[kind]}</span>
          </li>
        ))}
        {addressesPerCell > 1 ? <li>{t('pools.strip.many', { n: addressesPerCell })}</li> : null}
      </ul>
      <AddressTable cells={cells} />
    </div>
  )
}

function AddressTable({ cells }: { readonly cells: PoolCells }): ReactNode {
  const rows = cells.leases.slice(0, TABLE_ROWS_MAX)
  if (rows.length === 0) return null
  return (
    <details className="mt-3 text-sm">
      <summary className="w-fit rounded text-muted hover:text-text">
        {t('pools.strip.table')}
      </summary>
      <div className="mt-2 max-h-80 overflow-auto rounded-control border border-line">
        <table className="w-full">
          <thead className="sticky top-0 bg-surface text-xs text-muted">
            <tr>
              {(['address', 'name', 'state'] as const).map((column) => (
                <th key={column} scope="col" className="px-3 py-2 text-start font-medium">
                  {t(`pools.table.${column}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ id, wire }) => (
              <tr key={id} className="border-t border-line">
                <td className="mono px-3 py-1.5">{wire.ip_address}</td>
                <td className="px-3 py-1.5">{wire.hostname ?? '–'}</td>
                <td className="px-3 py-1.5 text-muted">{wire.state}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {cells.leases.length > TABLE_ROWS_MAX ? (
        <p className="mt-1 text-xs text-muted">{t('pools.table.more', { n: TABLE_ROWS_MAX })}</p>
      ) : null}
    </details>
  )
}
