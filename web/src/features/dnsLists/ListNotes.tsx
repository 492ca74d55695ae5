/** What stands below a list: why its last look failed, and how much of it has come. */

import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import type { DnsList } from '../../lib/dns/lists.ts'
import { formatBytes } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { statusName } from './listFacts.ts'

export interface ListTroubleProps {
  readonly list: DnsList
  readonly onForce: () => void
}

export function ListTrouble({ list, onForce }: ListTroubleProps): ReactNode {
  if (list.error === null && list.ignored === 0) return null
  return (
    <div className="col-span-2 col-start-2 mt-1 text-xs lg:col-span-6 lg:col-start-2">
      {list.error === null ? null : (
        <p className="flex flex-wrap items-center gap-x-2 text-bad">
          <span className="min-w-0 break-words">
            {t('dnsLists.error', { reason: list.error.text })}{' '}
            {list.entries > 0 ? t('dnsLists.error.kept') : null}
          </span>
          {list.url !== null && list.status === 'failed' ? (
            <Button tone="quiet" className="-ms-2 h-7 px-2 text-xs" onClick={onForce}>
              {t('dnsLists.force')}
            </Button>
          ) : null}
        </p>
      )}
      {list.ignored === 0 ? null : (
        <p className="tabular text-muted">{t('dnsLists.ignored', { n: list.ignored })}</p>
      )}
    </div>
  )
}

/** How much there is in all nobody says beforehand, so the bar only moves. */
export function ListProgress({ list }: { readonly list: DnsList }): ReactNode {
  const size = formatBytes(list.loading_bytes ?? 0)
  return (
    <div className="col-span-2 col-start-2 mt-2 flex items-center gap-3 lg:col-span-6 lg:col-start-2">
      <div
        role="progressbar"
        aria-label={t('dnsLists.progress', { name: list.name, size })}
        className="h-1.5 flex-1 overflow-hidden rounded-full bg-inset forced-colors:border"
      >
        <div className="h-full w-1/3 animate-slide rounded-full bg-accent forced-colors:bg-[Highlight]" />
      </div>
      <span data-testid="list-progress" className="tabular text-xs text-muted">
        {list.status === 'waiting' ? statusName('waiting') : t('dnsLists.loaded', { size })}
      </span>
    </div>
  )
}
