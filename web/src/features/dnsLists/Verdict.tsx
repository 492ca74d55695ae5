/** What the rules say of a name: the verdict, who decides and why, where the name leads. */

import { Ban, CircleCheck, CornerDownRight, type LucideIcon, Replace } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'
import type { DnsCheck, DnsCheckReason } from '../../lib/dns/check.ts'
import { t } from '../../lib/i18n.ts'

const VERDICTS = ['passed', 'allowed', 'blocked', 'rewritten', 'dropped'] as const

interface Look {
  readonly icon: LucideIcon
  readonly tint: string
  readonly tone: string
}

const GOOD: Look = { icon: CircleCheck, tint: 'bg-ok-tint', tone: 'text-ok' }
const BAD: Look = { icon: Ban, tint: 'bg-bad-tint', tone: 'text-bad' }
const OTHER: Look = { icon: Replace, tint: 'bg-info-tint', tone: 'text-info' }

const LOOKS: Readonly<Record<(typeof VERDICTS)[number], Look>> = {
  passed: GOOD,
  allowed: GOOD,
  blocked: BAD,
  dropped: BAD,
  rewritten: OTHER,
}

export function Verdict({ check }: { readonly check: DnsCheck }): ReactNode {
  const verdict = VERDICTS.find((known) => known === check.verdict)
  const look = verdict ? LOOKS[verdict] : OTHER
  const facts = [
    check.reason ? (
      <Fact key="reason" name={t('dnsLists.test.decides')}>
        <Reason reason={check.reason} />
      </Fact>
    ) : null,
    check.rewrites.length > 0 ? (
      <Fact key="answer" name={t('dnsLists.test.answer')}>
        <span className="mono break-all">{check.rewrites.join(', ')}</span>
      </Fact>
    ) : null,
    check.chain.length > 0 ? (
      <Fact key="chain" name={t('dnsLists.test.chain')}>
        <Chain chain={check.chain} />
      </Fact>
    ) : null,
  ].filter((fact) => fact !== null)
  return (
    <div
      data-testid="verdict"
      data-verdict={check.verdict}
      className={cx('rounded-control px-3 py-2.5 text-sm', look.tint)}
    >
      <p className="flex flex-wrap items-center gap-2 font-semibold">
        <look.icon size={16} aria-hidden className={cx('shrink-0', look.tone)} />
        <span className="mono min-w-0 break-all">{check.name}</span>
        <span className={look.tone}>
          {verdict ? t(`dnsLists.test.verdict.${verdict}`) : check.verdict}
        </span>
      </p>
      {facts.length > 0 ? (
        <dl className="mt-1.5 grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1">{facts}</dl>
      ) : null}
      {check.client ? <ForClient client={check.client} /> : null}
    </div>
  )
}

function ForClient({ client }: { readonly client: NonNullable<DnsCheck['client']> }): ReactNode {
  const name = client.name ?? client.address
  if (name === null) return null
  return (
    <p className="mt-1.5 text-muted">
      {t('dnsLists.test.for', { client: name, group: client.group })}
      {client.filtered ? null : `: ${t('dnsLists.test.unfiltered')}`}
    </p>
  )
}

function Chain({ chain }: { readonly chain: DnsCheck['chain'] }): ReactNode {
  return (
    <ul>
      {chain.map((hop) => (
        <li key={hop.name} className="flex flex-wrap items-baseline gap-x-2">
          <CornerDownRight size={12} aria-hidden className="self-center text-muted" />
          <span className="mono break-all">{hop.name}</span>
          <span className="text-muted">{hop.verdict}</span>
          {hop.reason ? <Reason reason={hop.reason} /> : null}
        </li>
      ))}
    </ul>
  )
}

interface FactProps {
  readonly name: string
  readonly children: ReactNode
}

function Fact({ name, children }: FactProps): ReactNode {
  return (
    <>
      <dt className="text-muted">{name}</dt>
      <dd className="min-w-0">{children}</dd>
    </>
  )
}

const BUILT_IN = ['own', 'blacklist', 'whitelist', 'safe-search', 'strict'] as const

function Reason({ reason }: { readonly reason: DnsCheckReason }): ReactNode {
  const builtIn = BUILT_IN.find((known) => known === reason.list_name)
  const list = builtIn
    ? t(`dnsLists.test.list.${builtIn}`)
    : t('dnsLists.test.list', { name: reason.list_name ?? String(reason.list) })
  const line = reason.line === null ? '' : `, ${t('dnsLists.test.line', { n: reason.line })}`
  return (
    <span>
      <code className="mono break-all">{reason.text ?? reason.rule}</code>{' '}
      <span className="text-muted">
        {list}
        {line}
      </span>
    </span>
  )
}
