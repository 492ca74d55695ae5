/** Rules of one's own: names blocked or let through one by one, and rules as text. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Trash2 } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { Badge, Card, Skeleton } from '../../components/ui/Surface.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import {
  addRule,
  type DnsRule,
  removeRule,
  ruleBookKey,
  rulesQuery,
} from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { useDone } from '../../lib/useDone.ts'
import { RulesEditor } from './RulesEditor.tsx'

export function RulesPart(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery(rulesQuery)
  const { done, tell, fail, close } = useDone((reason) => t('dnsLists.notDone', { reason }))
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ruleBookKey })
  const add = async (rule: Pick<DnsRule, 'action' | 'domain'>): Promise<void> => {
    await addRule(rule)
    await refresh()
  }
  const remove = async (rule: DnsRule): Promise<void> => {
    try {
      await removeRule(rule)
      const { action, domain, reason } = rule
      const again = { action, domain, ...(reason ? { reason } : {}) }
      tell(t('dnsRules.removed', { name: domain }), () => add(again))
    } catch (failure) {
      fail(failure instanceof Error ? failure.message : String(failure))
    }
    await refresh()
  }
  return (
    <>
      <Card title={t('dnsRules.simple')}>
        <AddRule onAdd={add} />
        <Problem text={data?.trouble ? t('dnsRules.trouble', { reason: data.trouble }) : null} />
        {data === undefined && error === null ? <Skeleton className="m-4 h-10" /> : null}
        {data === undefined && error ? (
          <p className="px-4 pb-4 text-sm text-bad">
            {t('dnsRules.failed')}: {error.message}
          </p>
        ) : null}
        {data?.rules.length === 0 ? (
          <p className="px-4 pb-4 text-sm text-muted">{t('dnsRules.none')}</p>
        ) : null}
        <ul className="max-h-96 divide-y divide-line overflow-y-auto">
          {data?.rules.map((rule) => (
            <RuleLine
              key={`${rule.action} ${rule.domain}`}
              rule={rule}
              onRemove={() => void remove(rule)}
            />
          ))}
        </ul>
      </Card>
      <RulesEditor />
      <UndoToast done={done} onClose={close} />
    </>
  )
}

interface AddRuleProps {
  readonly onAdd: (rule: Pick<DnsRule, 'action' | 'domain'>) => Promise<void>
}

function AddRule({ onAdd }: AddRuleProps): ReactNode {
  const [domain, setDomain] = useState('')
  const [problem, setProblem] = useState<string | null>(null)
  const add = (action: DnsRule['action']): void => {
    setProblem(null)
    onAdd({ action, domain: domain.trim() }).then(
      () => setDomain(''),
      (error: Error) => setProblem(error.message),
    )
  }
  const isEmpty = domain.trim() === ''
  return (
    <div className="flex flex-wrap items-start gap-x-3 gap-y-2 p-4">
      <TextField
        label={t('dnsRules.domain')}
        hint={t('dnsRules.simple.hint')}
        value={domain}
        problem={problem}
        onChange={setDomain}
        isMono
        testId="rule-domain"
        className="w-full sm:w-auto sm:flex-1"
      />
      <div className="flex gap-2 sm:pt-[1.375rem]">
        <Button
          tone="danger"
          disabled={isEmpty}
          data-testid="rule-block"
          onClick={() => add('block')}
        >
          {t('dnsRules.block')}
        </Button>
        <Button disabled={isEmpty} data-testid="rule-allow" onClick={() => add('allow')}>
          {t('dnsRules.allow')}
        </Button>
      </div>
    </div>
  )
}

interface RuleLineProps {
  readonly rule: DnsRule
  readonly onRemove: () => void
}

function RuleLine({ rule, onRemove }: RuleLineProps): ReactNode {
  const nowMs = useNow('minute')
  return (
    <li data-testid="dns-rule" className="flex items-center gap-3 px-4 py-1.5 text-sm">
      <span className="w-14 shrink-0">
        <Badge tone={rule.action === 'block' ? 'bad' : 'ok'}>
          {t(`dnsLists.kind.${rule.action}`)}
        </Badge>
      </span>
      <span className="min-w-0 flex-1">
        <span className="mono font-medium break-all">{rule.domain}</span>
        {rule.reason ? <span className="ms-2 text-muted">{rule.reason}</span> : null}
      </span>
      <span className="hidden shrink-0 text-xs text-muted sm:inline">
        {t('dnsRules.added', { time: agoText(Date.parse(rule.added_at), nowMs) })}
      </span>
      <IconButton
        aria-label={t('dnsRules.remove', { name: rule.domain })}
        icon={<Trash2 size={14} aria-hidden />}
        onClick={onRemove}
        className="size-7"
      />
    </li>
  )
}
