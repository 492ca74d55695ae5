/** One group: how many clients it has, whether it is filtered, and what is special about it. */

import { Pencil, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Countdown } from '../../components/dns/PauseControl.tsx'
import { IconButton } from '../../components/ui/Button.tsx'
import { Badge } from '../../components/ui/Surface.tsx'
import { Toggle } from '../../components/ui/Toggle.tsx'
import type { DnsPause } from '../../lib/dns/dnsStatus.ts'
import type { DnsGroup } from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'

/** The group of everybody who is not listed; it is always there. */
export const DEFAULT_GROUP = 'default'

export interface GroupCardProps {
  readonly group: DnsGroup
  readonly pause: DnsPause | undefined
  readonly onFilter: (isFiltered: boolean) => void
  readonly onEdit: () => void
  readonly onRemove: () => void
}

export function GroupCard({ group, pause, onFilter, onEdit, onRemove }: GroupCardProps): ReactNode {
  const { name } = group
  const isDefault = name === DEFAULT_GROUP
  const traits = traitsOf(group)
  return (
    <li
      data-testid="dns-group"
      data-name={name}
      className="flex min-w-0 flex-col gap-2 rounded-card border border-line bg-surface p-4 text-sm"
    >
      <div className="flex items-center justify-between gap-2">
        <div className="min-w-0">
          <p className="truncate font-semibold" title={name}>
            {name}
          </p>
          <p className="tabular text-xs text-muted">
            {isDefault
              ? t('dnsClients.group.everybody')
              : t('dnsClients.group.count', { n: group.clients })}
          </p>
        </div>
        <div className="flex shrink-0 items-center">
          <IconButton
            aria-label={t('dnsClients.group.edit', { name })}
            icon={<Pencil size={14} aria-hidden />}
            onClick={onEdit}
            data-testid="group-edit"
          />
          {isDefault ? null : (
            <IconButton
              aria-label={t('dnsClients.group.remove', { name })}
              icon={<Trash2 size={14} aria-hidden />}
              onClick={onRemove}
            />
          )}
          <span className="ms-2">
            <Toggle
              label={t('dnsClients.group.filtered', { name })}
              isOn={group.filtered}
              onChange={onFilter}
              testId="group-filtered"
            />
          </span>
        </div>
      </div>
      <div className="flex flex-wrap gap-1.5">
        {traits.map((trait) => (
          <Badge key={trait}>{trait}</Badge>
        ))}
        {group.filtered ? null : <Badge tone="warn">{t('dnsClients.group.unfiltered')}</Badge>}
        {traits.length === 0 && group.filtered ? (
          <span className="text-xs text-muted">{t('dnsClients.group.plain')}</span>
        ) : null}
      </div>
      {pause ? <Countdown untilMs={pause.until_ms} /> : null}
    </li>
  )
}

/** Names what differs from what counts for everybody. */
function traitsOf(group: DnsGroup): readonly string[] {
  return [
    group.lists_off.length > 0 && t('dnsClients.group.listsOff', { n: group.lists_off.length }),
    group.rules.trim() !== '' && t('dnsClients.group.rules'),
    group.safe_search.length > 0 && t('dnsClients.group.safeSearch'),
    group.upstreams !== null && t('dnsClients.group.upstreams', { name: group.upstreams }),
    group.blocked_answer !== null && t('dnsClients.group.answer', { answer: group.blocked_answer }),
  ].filter((trait) => trait !== false)
}
