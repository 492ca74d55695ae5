/** Which rule decided, and what the rules say of the name as they are now. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { DnsLoggedQuery } from 'tidings'
import { DrawerSection, Fact } from '../../components/Drawer.tsx'
import { Skeleton } from '../../components/ui/Surface.tsx'
import { checkQuery, type DnsCheck } from '../../lib/dns/check.ts'
import type { ListName } from '../../lib/dns/listNames.ts'
import { t } from '../../lib/i18n.ts'

export interface ExplanationProps {
  readonly entry: DnsLoggedQuery
  readonly listName: ListName
}

export function Explanation({ entry, listName }: ExplanationProps): ReactNode {
  return (
    <DrawerSection title={t('dnsLog.explain')}>
      <div data-testid="log-explain" className="flex flex-col gap-2 text-sm">
        {entry.reason === null ? null : (
          <Rule title={t('dnsLog.explain.then')} reason={entry.reason} listName={listName} />
        )}
        {entry.name === '' ? null : <Now entry={entry} listName={listName} />}
      </div>
    </DrawerSection>
  )
}

function Now({ entry, listName }: ExplanationProps): ReactNode {
  const { name, type, client } = entry
  const { data, error } = useQuery(checkQuery({ name, type, client }))
  if (error) return <p className="text-muted">{error.message}</p>
  if (!data) return <Skeleton className="h-4 w-48" />
  return (
    <>
      <p data-verdict={data.verdict}>{verdictText(data.verdict)}</p>
      {data.reason === null ? null : (
        <Rule title={t('dnsLog.explain.rule')} reason={data.reason} listName={listName} />
      )}
      {data.rewrites.length > 0 ? (
        <dl>
          <Fact name={t('dnsLog.explain.rewrites')}>{data.rewrites.join(', ')}</Fact>
        </dl>
      ) : null}
      <Chain chain={data.chain} listName={listName} />
    </>
  )
}

const VERDICTS = ['passed', 'allowed', 'blocked', 'rewritten', 'dropped'] as const

function verdictText(verdict: string): string {
  const known = VERDICTS.find((word) => word === verdict)
  return known === undefined ? verdict : t(`dnsLog.verdict.${known}`)
}

type Reason = NonNullable<DnsCheck['reason']>

interface RuleProps {
  readonly title: string
  readonly reason: Pick<Reason, 'list' | 'rule' | 'line'> & Partial<Reason>
  readonly listName: ListName
}

function Rule({ title, reason, listName }: RuleProps): ReactNode {
  const list = reason.list_name ?? listName(reason.list)
  const where =
    reason.line === null ? list : t('dnsLog.explain.where', { list, line: String(reason.line) })
  return (
    <div className="rounded-control bg-inset px-3 py-2">
      <p className="flex justify-between gap-3 text-xs text-muted">
        <span>{title}</span>
        <span>{where}</span>
      </p>
      <code className="mono mt-1 block text-xs break-all">{reason.text ?? reason.rule}</code>
    </div>
  )
}

/** The canonical names that the cached answer leads over. */
function Chain({ chain, listName }: Pick<DnsCheck, 'chain'> & { listName: ListName }): ReactNode {
  if (chain.length === 0) return null
  return (
    <dl>
      {chain.map((hop) => (
        <Fact key={hop.name} name={t('dnsLog.explain.chain')}>
          <span className="mono text-xs">{hop.name}</span>
          {hop.reason === null ? null : (
            <span className="text-bad"> · {listName(hop.reason.list)}</span>
          )}
        </Fact>
      ))}
    </dl>
  )
}
