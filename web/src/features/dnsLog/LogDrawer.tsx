/** One question whole: what was answered, how, and what the rules say of its name now. */

import { Link } from '@tanstack/react-router'
import { Ban, Check } from 'lucide-react'
import type { ReactNode } from 'react'
import type { DnsLoggedQuery } from 'tidings'
import { Drawer, DrawerBody, DrawerSection, Fact, Facts } from '../../components/Drawer.tsx'
import { StatusBadge } from '../../components/StatusBadge.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { EmptyState } from '../../components/ui/Surface.tsx'
import type { ListName } from '../../lib/dns/listNames.ts'
import { term } from '../../lib/dns/logFilter.ts'
import type { RuleAction } from '../../lib/dns/ownRules.ts'
import { statusLabel } from '../../lib/dns/statusLabel.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { Explanation } from './Explanation.tsx'
import { milliseconds, nameText } from './logColumns.tsx'

export interface LogDrawerProps {
  /** Null when the entry is not among those that the page holds. */
  readonly entry: DnsLoggedQuery | null
  readonly lease: Lease | undefined
  readonly listName: ListName
  /** The same question for a terminal. */
  readonly dig: string
  readonly onClose: () => void
  readonly onAct: (action: RuleAction, entry: DnsLoggedQuery) => void
  readonly onFilter: (added: string) => void
}

export function LogDrawer(props: LogDrawerProps): ReactNode {
  const { entry, onClose } = props
  return (
    <Drawer
      testId="log-drawer"
      title={entry ? nameText(entry) : t('dnsLog.drawer.title')}
      subtitle={
        entry ? (
          <>
            <span className="mono">{entry.type}</span>
            <StatusBadge status={entry.status} />
          </>
        ) : null
      }
      onClose={onClose}
    >
      {entry ? (
        <Details {...props} entry={entry} />
      ) : (
        <EmptyState title={t('dnsLog.drawer.gone')} hint={t('dnsLog.drawer.gone.hint')} />
      )}
    </Drawer>
  )
}

function Details(props: LogDrawerProps & { readonly entry: DnsLoggedQuery }): ReactNode {
  const { entry, lease, dig, onAct, onFilter } = props
  return (
    <DrawerBody>
      {entry.name === '' ? null : (
        <div className="flex flex-wrap gap-2">
          <Button
            icon={<Ban size={14} aria-hidden />}
            data-testid="log-block"
            onClick={() => onAct('block', entry)}
          >
            {t('dnsLog.action.block')}
          </Button>
          <Button
            icon={<Check size={14} aria-hidden />}
            data-testid="log-allow"
            onClick={() => onAct('allow', entry)}
          >
            {t('dnsLog.action.allow')}
          </Button>
          <CopyButton text={dig} what="dig" label={t('dnsLog.action.copyDig')} />
        </div>
      )}
      <Explanation entry={entry} listName={props.listName} />
      <Facts
        title={t('dnsLog.drawer.question')}
        rows={[
          [t('dnsLog.column.name'), entry.name],
          [t('dnsLog.column.client'), entry.client],
          [t('dnsLog.drawer.addresses'), entry.addresses.join(', ')],
        ]}
      />
      <DrawerSection title={t('dnsLog.drawer.answer')}>
        <dl className="text-sm">
          <Fact name={t('dnsLog.column.time')}>{formatMoment(entry.at_ms)}</Fact>
          <Fact name={t('dnsLog.drawer.rcode')}>{entry.rcode}</Fact>
          <Fact name={t('dnsLog.column.upstream')}>
            <span className="mono">{entry.upstream ?? '–'}</span>
          </Fact>
          <Fact name={t('dnsLog.drawer.duration')}>
            {t('dns.ms', { ms: milliseconds(entry.duration_ms) })}
          </Fact>
          <Fact name={t('dnsLog.drawer.transport')}>{entry.transport.toUpperCase()}</Fact>
          <Fact name={t('dnsLog.drawer.dnssec')}>
            {t(entry.authentic ? 'dnsLog.drawer.authentic' : 'dnsLog.drawer.notAuthentic')}
          </Fact>
          {lease ? (
            <Fact name={t('dnsLog.drawer.device')}>
              <Link
                to="/leases"
                search={{ lease: lease.id }}
                className="font-medium text-accent-strong hover:underline"
              >
                {lease.wire.hostname ?? lease.wire.ip_address}
              </Link>
            </Fact>
          ) : null}
        </dl>
      </DrawerSection>
      <DrawerSection title={t('dnsLog.drawer.more')}>
        <div className="flex flex-wrap gap-2">
          {filtersOf(entry).map(([what, added]) => (
            <Button key={added} onClick={() => onFilter(added)} className="max-w-full">
              <span className="truncate">{t('dnsLog.filterBy', { what })}</span>
            </Button>
          ))}
        </div>
      </DrawerSection>
    </DrawerBody>
  )
}

/** Returns what like questions can be found by. */
function filtersOf(entry: DnsLoggedQuery): readonly (readonly [what: string, added: string])[] {
  const found: (readonly [string, string])[] = [[entry.client, term('client', entry.client)]]
  if (entry.name !== '') found.push([entry.name, term('name', `=${entry.name}`)])
  found.push([statusLabel(entry.status), term('status', entry.status)])
  if (entry.upstream !== null) found.push([entry.upstream, term('upstream', entry.upstream)])
  return found
}
