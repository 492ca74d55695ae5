/** Who is filtered how: groups with their switches, and clients that are in them. */

import type { ReactNode } from 'react'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { useRuleBookChanges } from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { ClientsPart } from './ClientsPart.tsx'
import { GroupsPart } from './GroupsPart.tsx'

export function DnsClientsPage(): ReactNode {
  useRuleBookChanges()
  return (
    <div className="mx-auto flex max-w-6xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('dnsClients.title')} subtitle={t('dnsClients.subtitle')} />
      <GroupsPart />
      <ClientsPart />
    </div>
  )
}
