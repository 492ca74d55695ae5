/** Lines that are no rules, each with why. */

import type { ReactNode } from 'react'
import type { IgnoredLine } from '../../lib/dns/lists.ts'
import { t } from '../../lib/i18n.ts'

export interface IgnoredLinesProps {
  readonly lines: readonly IgnoredLine[]
  /** All of them, also those that are not shown. */
  readonly total: number
  /** Goes to the line in an editor beside. */
  readonly onChoose?: (line: number) => void
}

export function IgnoredLines({ lines, total, onChoose }: IgnoredLinesProps): ReactNode {
  return (
    <section className="mt-4">
      <h3 className="mb-1 text-xs font-medium text-warn">{t('dnsLists.ignored', { n: total })}</h3>
      <ul
        data-testid="ignored-lines"
        className="divide-y divide-line rounded-control border border-line text-xs"
      >
        {lines.map(({ line, text, why }) => (
          <li key={line} className="flex flex-wrap items-baseline gap-x-3 px-2.5 py-1.5">
            {onChoose ? (
              <button
                type="button"
                aria-label={t('dnsRules.text.goTo', { n: line })}
                onClick={() => onChoose(line)}
                className="tabular min-h-6 rounded font-medium text-accent-strong hover:underline"
              >
                {t('dnsLists.line', { n: line })}
              </button>
            ) : (
              <span className="tabular text-muted">{t('dnsLists.line', { n: line })}</span>
            )}
            <code className="mono min-w-0 break-all">{text}</code>
            <span className="text-bad">{why}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}
