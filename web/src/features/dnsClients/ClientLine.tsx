/** One client: its addresses, its group, ways to what it asked and to its lease, and a pause. */

import { Link } from '@tanstack/react-router'
import { Hourglass, Network, Pencil, ScrollText, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Countdown } from '../../components/dns/PauseControl.tsx'
import { IconButton } from '../../components/ui/Button.tsx'
import { Badge } from '../../components/ui/Surface.tsx'
import type { DnsPause } from '../../lib/dns/dnsStatus.ts'
import type { DnsClient } from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { leasesOf, logFilterOf } from './clientLeases.ts'
import { DEFAULT_GROUP } from './GroupCard.tsx'

export interface ClientLineProps {
  readonly client: DnsClient
  readonly leases: readonly Lease[]
  readonly pause: DnsPause | undefined
  readonly onPause: () => void
  readonly onEdit: () => void
  readonly onRemove: () => void
}

const LINK =
  'inline-flex h-7 items-center gap-1.5 rounded-control px-2 text-xs font-medium text-accent-strong hover:bg-inset'

export function ClientLine(props: ClientLineProps): ReactNode {
  const { client, leases, pause } = props
  const { name } = client
  const held = leasesOf(client, leases)
  const filter = logFilterOf(client, leases)
  const lease = held[0]
  return (
    <li
      data-testid="dns-client"
      className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 text-sm"
    >
      <div className="min-w-0 flex-1 basis-64">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="min-w-0 font-medium break-words">{name}</span>
          <Badge tone={client.group === DEFAULT_GROUP ? 'neutral' : 'info'}>{client.group}</Badge>
          {client.tags.map((tag) => (
            <Badge key={tag}>{tag}</Badge>
          ))}
          {pause ? <Countdown untilMs={pause.until_ms} testId="client-countdown" /> : null}
        </p>
        <p className="mono text-xs break-all text-muted">{addressText(client, held)}</p>
      </div>
      <div className="flex flex-wrap items-center">
        {filter === null ? null : (
          <Link
            to="/dns/log"
            search={{ filter }}
            aria-label={t('dnsClients.queries.of', { name })}
            className={LINK}
          >
            <ScrollText size={14} aria-hidden />
            {t('dnsClients.queries')}
          </Link>
        )}
        {lease ? (
          <Link
            to="/leases"
            search={{ lease: lease.id }}
            aria-label={t('dnsClients.lease.of', { name })}
            className={LINK}
          >
            <Network size={14} aria-hidden />
            {t('dnsClients.lease')}
          </Link>
        ) : null}
        <IconButton
          aria-label={t('dnsClients.pause', { name })}
          icon={<Hourglass size={14} aria-hidden />}
          onClick={props.onPause}
          data-testid="client-pause"
        />
        <IconButton
          aria-label={t('dnsClients.edit', { name })}
          icon={<Pencil size={14} aria-hidden />}
          onClick={props.onEdit}
          data-testid="client-edit"
        />
        <IconButton
          aria-label={t('dnsClients.remove', { name })}
          icon={<Trash2 size={14} aria-hidden />}
          onClick={props.onRemove}
          data-testid="client-remove"
        />
      </div>
    </li>
  )
}

/** Names the addresses, and those that its leases hold now. */
function addressText(client: DnsClient, held: readonly Lease[]): string {
  const leased = held
    .map(({ wire }) => wire.ip_address)
    .filter((address) => !client.addresses.includes(address))
  const own = client.addresses.join(', ')
  return leased.length > 0 ? `${own} → ${leased.join(', ')}` : own
}
