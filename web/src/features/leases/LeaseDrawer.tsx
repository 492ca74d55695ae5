/** Details of one lease at the side: who holds it, until when, what happened, what can be done. */

import { Dialog } from '@base-ui/react/dialog'
import { X } from 'lucide-react'
import { type ReactNode, useSyncExternalStore } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type Lease, macText } from '../../lib/leases/lease.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
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
    <Dialog.Root
      open
      modal={false}
      disablePointerDismissal
      onOpenChange={(isOpen) => !isOpen && onClose()}
    >
      <Dialog.Portal>
        <Dialog.Popup
          data-testid="lease-drawer"
          className="fixed inset-y-0 end-0 z-30 flex w-full flex-col border-s border-line bg-raised text-text shadow-pop outline-none sm:top-13 sm:w-[25rem]"
        >
          <div className="flex items-start justify-between gap-3 border-b border-line py-3 ps-5 pe-3">
            <div className="min-w-0">
              <Dialog.Title className="truncate text-lg leading-7 font-semibold">
                {lease?.wire.hostname ?? address}
              </Dialog.Title>
              <div className="flex items-center gap-2 text-sm text-muted">
                <span className="mono">{address}</span>
                {lease ? <StatusBadge lease={lease} /> : null}
              </div>
            </div>
            <Dialog.Close
              render={<IconButton aria-label={t('common.close')} icon={<X size={16} />} />}
            />
          </div>
          {lease ? (
            <Details lease={lease} onFilter={onFilter} />
          ) : status === 'ready' ? (
            <EmptyState title={t('leases.drawer.gone')} hint={t('leases.drawer.gone.hint')} />
          ) : (
            <Skeleton className="m-5 h-4 w-48" />
          )}
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
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
  return (
    <div className="flex min-h-0 flex-1 flex-col gap-6 overflow-y-auto px-5 py-4">
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
      <section>
        <Heading>{t('leases.drawer.lease')}</Heading>
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
      </section>
      <section>
        <Heading>{t('leases.drawer.actions')}</Heading>
        <div className="flex flex-wrap gap-2">
          {line === null ? null : (
            <CopyButton
              text={line}
              what="dhcp-host"
              label={t('leases.drawer.copyHost')}
              testId="copy-dhcp-host"
            />
          )}
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
      </section>
      <section>
        <Heading>{t('leases.drawer.timeline')}</Heading>
        <LeaseTimeline lease={lease} />
      </section>
    </div>
  )
}

function Heading({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <h3 className="mb-1.5 text-2xs font-semibold tracking-wide text-faint uppercase">{children}</h3>
  )
}

interface FactsProps {
  readonly title: string
  readonly rows: readonly (readonly [string, string | null | undefined])[]
}

/** Values with a button that copies each; what is not known is left out. */
function Facts({ title, rows }: FactsProps): ReactNode {
  return (
    <section>
      <Heading>{title}</Heading>
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
    </section>
  )
}

interface FactProps {
  readonly name: string
  readonly children: ReactNode
}

function Fact({ name, children }: FactProps): ReactNode {
  return (
    <div className="flex min-h-8 items-center justify-between gap-4">
      <dt className="shrink-0 text-muted">{name}</dt>
      <dd className="min-w-0 text-end break-words">{children}</dd>
    </div>
  )
}
