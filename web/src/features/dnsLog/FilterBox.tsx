/** The filter of the log: a box, its terms as chips, what is wrong with it, and its grammar. */

import { CircleHelp, X } from 'lucide-react'
import { type ReactNode, useEffect, useId, useState } from 'react'
import { SearchField } from '../../components/SearchField.tsx'
import { IconButton } from '../../components/ui/Button.tsx'
import type { ApiError } from '../../lib/api.ts'
import { cx } from '../../lib/cx.ts'
import { termsOf, withoutTerm, withTermTurned } from '../../lib/dns/logFilter.ts'
import { t } from '../../lib/i18n.ts'

export interface FilterBoxProps {
  readonly filter: string
  /** Why the filter is not in use; null when it is. */
  readonly problem: ApiError | null
  readonly onChange: (filter: string, how: 'type' | 'choose') => void
}

export function FilterBox({ filter, problem, onChange }: FilterBoxProps): ReactNode {
  // The URL takes its time; the box must not.
  const [draft, setDraft] = useState(filter)
  useEffect(() => setDraft(filter), [filter])
  const type = (text: string): void => {
    setDraft(text)
    onChange(text, 'type')
  }
  return (
    <>
      <div className="flex min-w-0 flex-1 items-center gap-1 basis-80 [&>div:first-child]:min-w-0 [&>div:first-child]:flex-1">
        <SearchField label={t('dnsLog.filter')} value={draft} onChange={type} testId="log-filter" />
        <Grammar />
      </div>
      {problem ? <Problem filter={filter} problem={problem} /> : null}
      <Chips filter={filter} onChange={(next) => onChange(next, 'choose')} />
    </>
  )
}

interface ProblemProps {
  readonly filter: string
  readonly problem: ApiError
}

/** Shows the filter with a mark from where on the server does not understand it. */
function Problem({ filter, problem }: ProblemProps): ReactNode {
  const { column } = problem.problem
  // The server counts letters from 1; without a column the message has to do.
  const place = typeof column === 'number' && column >= 1 ? column - 1 : null
  const letters = [...filter]
  return (
    <div
      role="alert"
      data-testid="log-filter-problem"
      className="order-last basis-full rounded-control bg-bad-tint px-3 py-2 text-sm text-bad"
    >
      {place === null ? null : (
        <code className="mono block text-xs whitespace-pre-wrap text-text">
          {letters.slice(0, place).join('')}
          <mark className="bg-transparent text-bad underline decoration-wavy underline-offset-4">
            {letters.slice(place).join('') || ' '}
          </mark>
        </code>
      )}
      {problem.message.replace(/^filter: /, '')}
    </div>
  )
}

interface ChipsProps {
  readonly filter: string
  readonly onChange: (filter: string) => void
}

function Chips({ filter, onChange }: ChipsProps): ReactNode {
  const terms = [...new Set(termsOf(filter))]
  if (terms.length === 0) return null
  return (
    <ul aria-label={t('dnsLog.terms')} className="order-last flex basis-full flex-wrap gap-1.5">
      {terms.map((text) => (
        <li
          key={text}
          className={cx(
            'flex h-7 max-w-full items-center rounded-full border text-xs font-medium',
            text.startsWith('-')
              ? 'border-line-strong bg-inset text-muted'
              : 'border-accent bg-accent-tint text-accent-strong',
          )}
        >
          <button
            type="button"
            title={t('dnsLog.term.turn')}
            onClick={() => onChange(withTermTurned(filter, text))}
            className="mono h-full min-w-0 truncate rounded-s-full ps-3 pe-1"
          >
            {text}
          </button>
          <button
            type="button"
            aria-label={t('dnsLog.term.remove', { term: text })}
            onClick={() => onChange(withoutTerm(filter, text))}
            className="flex h-full w-7 shrink-0 items-center justify-center rounded-e-full"
          >
            <X size={13} aria-hidden />
          </button>
        </li>
      ))}
    </ul>
  )
}

const EXAMPLES = [
  ['doubleclick', 'part'],
  ['name:example.com', 'name'],
  ['name:=www.example.com', 'exact'],
  ['client:192.0.2.14', 'client'],
  ['client:192.0.2.0/24', 'network'],
  ['status:blocked', 'status'],
  ['type:A,AAAA', 'type'],
  ['rcode:NXDOMAIN', 'rcode'],
  ['upstream:quad9', 'upstream'],
  ['list:own', 'list'],
  ['duration:>50', 'duration'],
  ['before:2h', 'time'],
  ['-type:PTR', 'not'],
] as const

function Grammar(): ReactNode {
  const id = useId()
  return (
    <>
      <IconButton
        aria-label={t('dnsLog.grammar')}
        icon={<CircleHelp size={16} />}
        popoverTarget={id}
      />
      <div
        id={id}
        popover="auto"
        className="fixed inset-x-3 top-24 m-0 mx-auto max-h-[70vh] w-auto max-w-xl overflow-y-auto rounded-card border border-line bg-raised p-4 text-sm text-text shadow-pop"
      >
        <p className="mb-2 font-semibold">{t('dnsLog.grammar')}</p>
        <p className="mb-3 text-muted">{t('dnsLog.grammar.text')}</p>
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-5 gap-y-1.5">
          {EXAMPLES.map(([example, meaning]) => (
            <div key={example} className="col-span-2 grid grid-cols-subgrid">
              <dt className="mono text-xs leading-5">{example}</dt>
              <dd className="text-muted">{t(`dnsLog.grammar.${meaning}`)}</dd>
            </div>
          ))}
        </dl>
      </div>
    </>
  )
}
