/** What stands in a live table when there are no rows: loading, an error, nothing yet, no match. */

import { CircleAlert, SearchX } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { t } from '../../lib/i18n.ts'
import { Button } from '../ui/Button.tsx'
import { EmptyState, Skeleton } from '../ui/Surface.tsx'

/** A load that is quicker shows no sign of itself. */
const SKELETON_AFTER_MS = 150
const SKELETON_ROWS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

export interface TableInsteadProps {
  readonly nShown: number
  readonly nTotal: number
  readonly isLoading: boolean
  readonly error: Error | null
  /** Title of the error. */
  readonly failed: string
  /** What is said when there is nothing at all. */
  readonly empty: ReactNode
  readonly onClearFilters: () => void
}

/** Returns null while there are rows to draw. */
export function tableInstead(props: TableInsteadProps): ReactNode {
  if (props.nShown > 0) return null
  if (props.isLoading) return <Loading />
  if (props.error !== null && props.nTotal === 0) {
    return (
      <EmptyState
        icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
        title={props.failed}
        hint={props.error.message}
      />
    )
  }
  if (props.nTotal === 0) return props.empty
  return (
    <EmptyState
      icon={<SearchX size={28} aria-hidden />}
      title={t('table.noMatch')}
      hint={t('table.noMatch.hint')}
      action={<Button onClick={props.onClearFilters}>{t('table.clearFilters')}</Button>}
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
    <div>
      <p className="sr-only">{t('table.loading')}</p>
      {isShown
        ? SKELETON_ROWS.map((row) => (
            <div key={row} className="flex h-9 items-center gap-6 border-b border-line px-5">
              <Skeleton className="h-3 w-32" />
              <Skeleton className="h-3 flex-1" />
              <Skeleton className="h-3 w-16" />
            </div>
          ))
        : null}
    </div>
  )
}
