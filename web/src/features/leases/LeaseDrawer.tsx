/** Details of one lease at the side: who holds it, until when, what happened, what can be done. */

import { Link } from '@tanstack/react-router'
import { type ReactNode, useSyncExternalStore } from 'react'
import { Drawer, DrawerBody, DrawerSection, Fact, Facts } from '../../components/Drawer.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { term } from '../../lib/dns/logFilter.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type Lease, macText } from '../../lib/leases/lease.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
import { useModules } from '../../lib/modules.ts'
import { dhcpHostLine } from './dhcpHostLine.ts'
import { LeaseTimeline } from './LeaseTimeline.tsx'
import { Expiration, kindText, StatusBadge } from './leaseColumns.tsx'
import type { SearchPatch } from './useLeasesTable.ts'

export interface LeaseDrawerProps {
  readonly id: string
  readonly onClose: () => void
  readonly onFilter: (patch: SearchPatch) => void
}

export function LeaseDrawer({ id, onClose, onFilter }: LeaseDrawerProps): ReactNode {
  const lease = useLease(id)
  const { status } = useSyncExternalStore(leaseStore.subscribe, leaseStore.state)
  const address = id.split('/').at(-1) ?? id
  return (
    <Drawer
      testId="lease-drawer"
      title={lease?.wire.hostname ?? address}
      subtitle={
        <>
          <span className="mono">{address}</span>
          {lease ? <StatusBadge lease={lease} /> : null}
        </>
      }
      onClose={onClose}
    >
      {lease ? (
        <Details lease={lease} onFilter={onFilter} />
      ) : status === 'ready' ? (
        <EmptyState title={t('leases.drawer.gone')} hint={t('leases.drawer.gone.hint')} />
      ) : (
        <Skeleton className="m-5 h-4 w-48" />
      )}
    </Drawer>
  )
}

/** Follows one lease by id. */
function useLease(id: string): Lease | null {
  return useSyncExternalStore(
    (listener) => leaseStore.onChanges(listener),
    () => leaseStore.rows.get(id) ?? null,
  )
}

interface DetailsProps {
  readonly lease: Lease
  readonly onFilter: LeaseDrawerProps['onFilter']
}

function Details({ lease, onFilter }: DetailsProps): ReactNode {
  const { wire } = lease
  const line = dhcpHostLine(lease)
  const hasDns = useModules().has('dns')
  return (
    <DrawerBody>
      <Facts
        title={t('leases.drawer.identity')}
        rows={[
          [t('leases.column.ip'), wire.ip_address],
          [t('leases.column.mac'), macText(lease)],
          [t('leases.column.hostname'), wire.hostname],
          [t('leases.column.vendor'), wire.vendor],
          [t('leases.column.vendorClass'), wire.vendor_class],
          [t('leases.column.clientId'), wire.client_id],
          [t('leases.drawer.duid'), wire.duid],
          [t('leases.drawer.iaid'), wire.iaid?.toString()],
        ]}
      />
      <DrawerSection title={t('leases.drawer.lease')}>
        <dl className="text-sm">
          <Fact name={t('leases.drawer.ends')}>
            <Expiration lease={lease} />
            {lease.endsAtMs === null ? null : (
              <span className="text-muted"> · {formatMoment(lease.endsAtMs)}</span>
            )}
          </Fact>
          <Fact name={t('leases.column.state')}>{wire.state}</Fact>
          <Fact name={t('leases.column.kind')}>{kindText(wire.kind)}</Fact>
          <Fact name={t('leases.column.pool')}>{wire.pool_name ?? '–'}</Fact>
          <Fact name={t('leases.column.source')}>{wire.source}</Fact>
          {wire.is_simulated ? <Fact name="">{t('leases.drawer.simulated')}</Fact> : null}
        </dl>
      </DrawerSection>
      <DrawerSection title={t('leases.drawer.actions')}>
        <div className="flex flex-wrap gap-2">
          {line === null ? null : (
            <CopyButton
              text={line}
              what="dhcp-host"
              label={t('leases.drawer.copyHost')}
              testId="copy-dhcp-host"
            />
          )}
          {hasDns ? (
            <Link
              to="/dns/log"
              search={{ filter: term('client', wire.ip_address) }}
              data-testid="lease-queries"
              className="inline-flex h-8 items-center rounded-control border border-line-strong bg-surface px-3 text-sm font-medium hover:bg-inset"
            >
              {t('leases.drawer.queries')}
            </Link>
          ) : null}
          {wire.vendor ? (
            <Button onClick={() => onFilter({ vendor: wire.vendor ?? undefined })}>
              {t('leases.drawer.filterVendor')}
            </Button>
          ) : null}
          {wire.pool_name ? (
            <Button onClick={() => onFilter({ pool: wire.pool_name ?? undefined })}>
              {t('leases.drawer.filterPool')}
            </Button>
          ) : null}
        </div>
        {line === null ? null : (
          <>
            <code className="mono mt-3 block rounded-control bg-inset px-3 py-2 text-xs break-all">
              {line}
            </code>
            <p className="mt-1.5 text-xs text-muted">{t('leases.drawer.copyHost.hint')}</p>
          </>
        )}
      </DrawerSection>
      <DrawerSection title={t('leases.drawer.timeline')}>
        <LeaseTimeline lease={lease} />
      </DrawerSection>
    </DrawerBody>
  )
}
