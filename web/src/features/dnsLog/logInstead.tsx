/** What stands in the log when there are no lines, and what to do next. */

import { CircleAlert, FileClock, ScrollText, SearchX } from 'lucide-react'
import type { ReactNode } from 'react'
import { tableInstead } from '../../components/live-table/TableInstead.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { EmptyState } from '../../components/ui/Surface.tsx'
import type { DnsStatus } from '../../lib/dns/dnsStatus.ts'
import type { LogFeedState } from '../../lib/dns/logFeed.ts'
import { t } from '../../lib/i18n.ts'

/** Status of the answer of a log whose driver keeps no history. */
const NO_HISTORY = 409

export interface LogInsteadProps {
  readonly nShown: number
  readonly state: LogFeedState
  readonly status: DnsStatus | undefined
  /** Whether anything but time limits what is shown. */
  readonly isFiltered: boolean
  readonly onClear: () => void
  readonly onRetry: () => void
}

/** Returns null while there are rows to draw. */
export function logInstead(props: LogInsteadProps): ReactNode {
  const { nShown, state, isFiltered } = props
  if (nShown > 0) return null
  if (state.status === 'failed' && state.error?.status === NO_HISTORY) {
    return (
      <EmptyState
        testId="log-no-history"
        icon={<FileClock size={28} aria-hidden />}
        title={t('dnsLog.noHistory')}
        hint={t('dnsLog.noHistory.hint')}
      />
    )
  }
  if (state.status === 'failed') {
    return (
      <EmptyState
        testId="log-error"
        icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
        title={t('dnsLog.failed')}
        hint={
          <>
            <p>{state.error?.message}</p>
            {state.error?.requestId ? (
              <p className="mono mt-1">{t('common.requestId', { id: state.error.requestId })}</p>
            ) : null}
          </>
        }
        action={<Button onClick={props.onRetry}>{t('common.retry')}</Button>}
      />
    )
  }
  if (state.status === 'refused') {
    return (
      <EmptyState
        testId="log-refused"
        icon={<SearchX size={28} aria-hidden />}
        title={t('dnsLog.refused')}
        hint={t('dnsLog.refused.hint')}
        action={<Button onClick={props.onClear}>{t('table.clearFilters')}</Button>}
      />
    )
  }
  if (state.status === 'ready' && isFiltered) {
    return (
      <EmptyState
        testId="log-no-match"
        icon={<SearchX size={28} aria-hidden />}
        title={t('table.noMatch')}
        hint={t('dnsLog.noMatch.hint')}
        action={<Button onClick={props.onClear}>{t('table.clearFilters')}</Button>}
      />
    )
  }
  return tableInstead({
    nShown,
    nTotal: 0,
    isLoading: state.status === 'loading',
    error: null,
    failed: '',
    empty: <Nothing status={props.status} />,
    onClearFilters: props.onClear,
  })
}

function Nothing({ status }: { readonly status: DnsStatus | undefined }): ReactNode {
  const address = status?.addresses.find(({ transport }) => transport === 'udp')?.address
  return (
    <EmptyState
      testId="log-empty"
      icon={<ScrollText size={28} aria-hidden />}
      title={t('dnsLog.empty')}
      hint={
        status?.running && address ? (
          <>
            <p>{t('dnsLog.empty.hint')}</p>
            <p className="mono mt-1 text-text">{address}</p>
          </>
        ) : (
          t('dnsLog.empty.off')
        )
      }
    />
  )
}
