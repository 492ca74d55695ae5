/** What is blocked and let through: lists, rules of one's own, local names, and why. */

import { useNavigate, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { useRuleBookChanges } from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { ListsPart } from './ListsPart.tsx'
import { TABS, type Tab } from './listsSearch.ts'
import { NamesPart } from './NamesPart.tsx'
import { RulesPart } from './RulesPart.tsx'
import { TestName } from './TestName.tsx'

export function DnsListsPage(): ReactNode {
  const { tab = 'lists', name = '' } = useSearch({ from: '/dns/lists' })
  const navigate = useNavigate({ from: '/dns/lists' })
  useRuleBookChanges()
  const choose = (next: Tab): void =>
    void navigate({
      search: ({ tab: _, ...rest }) => (next === 'lists' ? rest : { ...rest, tab: next }),
    })
  return (
    <div className="mx-auto flex max-w-6xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('dnsLists.title')} subtitle={t('dnsLists.subtitle')} />
      <TestName
        name={name}
        onName={(next) =>
          void navigate({ search: (before) => ({ ...before, name: next }), replace: true })
        }
      />
      <Choices
        label={t('dnsLists.tab')}
        value={tab}
        options={TABS.map((value) => ({ value, label: t(`dnsLists.tab.${value}`) }))}
        onChange={choose}
      />
      {tab === 'lists' ? <ListsPart /> : tab === 'rules' ? <RulesPart /> : <NamesPart />}
    </div>
  )
}
