/** What stands in the lease table when there are no rows, and why. */

import { CircleAlert, Network, SearchX } from 'lucide-react'
import { type ReactNode, useEffect, useState, useSyncExternalStore } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import type { ApiError } from '../../lib/api.ts'
import { t } from '../../lib/i18n.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
import type { LeasesTable } from './useLeasesTable.ts'

/** A load that is quicker shows no sign of itself. */
const SKELETON_AFTER_MS = 150
const SKELETON_ROWS = 12

/** Returns null while there are rows to draw. */
export function useInstead({ view, state, clearFilters }: LeasesTable): ReactNode {
  const { nShown, nTotal } = useSyncExternalStore(view.subscribe, view.state)
  if (state.status === 'loading') return <Loading />
  if (state.status === 'failed') return <Failed error={state.error} />
  if (nShown > 0) return null
  if (nTotal > 0) {
    return (
      <EmptyState
        testId="lease-table-no-match"
        icon={<SearchX size={28} aria-hidden />}
        title={t('table.noMatch')}
        hint={t('table.noMatch.hint')}
        action={<Button onClick={clearFilters}>{t('table.clearFilters')}</Button>}
      />
    )
  }
  return (
    <EmptyState
      testId="lease-table-empty"
      icon={<Network size={28} aria-hidden />}
      title={t('leases.empty')}
      hint={
        <>
          <p>{t('leases.empty.hint')}</p>
          <p className="mt-1">{t('leases.empty.next')}</p>
        </>
      }
    />
  )
}

function Loading(): ReactNode {
  const [isShown, setIsShown] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setIsShown(true), SKELETON_AFTER_MS)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div data-testid="lease-table-loading">
      <p className="sr-only">
        {t('leases.loading')} {t('leases.loading.hint')}
      </p>
      {isShown
        ? Array.from({ length: SKELETON_ROWS }, (_, place) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: grey bars have nothing else to be known by
            <div key={place} className="flex h-9 items-center gap-6 border-b border-line px-5">
              <Skeleton className="h-3 w-24" />
              <Skeleton className="h-3 w-32" />
              <Skeleton className="h-3 flex-1" />
              <Skeleton className="h-3 w-16" />
            </div>
          ))
        : null}
    </div>
  )
}

function Failed({ error }: { readonly error: ApiError }): ReactNode {
  return (
    <EmptyState
      testId="lease-table-error"
      icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
      title={t('leases.failed')}
      hint={
        <>
          <p>{error.message}</p>
          {error.requestId ? (
            <p className="mono mt-1">{t('common.requestId', { id: error.requestId })}</p>
          ) : null}
        </>
      }
      action={
        <Button onClick={() => void leaseStore.load().catch(() => undefined)}>
          {t('common.retry')}
        </Button>
      }
    />
  )
}
