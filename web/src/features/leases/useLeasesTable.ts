/** State of the lease table: the URL, the view of the leases, what is selected and open. */

import { useNavigate, useSearch } from '@tanstack/react-router'
import { useCallback, useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import type { LeasesState } from '../../lib/leases/createLeaseStore.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
import { createLiveView, type LiveView } from '../../lib/live/liveView.ts'
import { usePauseInUrl } from '../../lib/live/usePauseInUrl.ts'
import { arrangeLeases } from './arrangeLeases.ts'
import {
  defined,
  type LeaseSort,
  type LeasesSearch,
  nextSort,
  sortInForce,
  sortText,
  storeSort,
} from './leasesSearch.ts'

/** A change of the URL; undefined takes a member out. */
export type SearchPatch = { readonly [Name in keyof LeasesSearch]?: LeasesSearch[Name] | undefined }

export interface LeasesTable {
  readonly view: LiveView<Lease>
  readonly state: LeasesState
  readonly search: LeasesSearch
  readonly sort: LeaseSort
  readonly selection: ReadonlySet<string>
  /** Typing replaces the entry of the history, choosing adds one. */
  readonly change: (patch: SearchPatch, how: 'type' | 'choose') => void
  readonly sortBy: (field: string) => void
  readonly select: (id: string) => void
  readonly clearSelection: () => void
  readonly clearFilters: () => void
}

export function useLeasesTable(): LeasesTable {
  const search = useSearch({ from: '/leases' })
  const navigate = useNavigate({ from: '/leases' })
  const state = useSyncExternalStore(leaseStore.subscribe, leaseStore.state)
  const sort = useMemo(() => sortInForce(search), [search])
  const view = useLiveView(search, sort)
  const [selection, setSelection] = useState<ReadonlySet<string>>(new Set())

  const change = useCallback(
    (patch: SearchPatch, how: 'type' | 'choose') => {
      void navigate({
        search: (before) => defined({ ...before, ...patch }),
        replace: how === 'type',
      })
    },
    [navigate],
  )
  const sortBy = useCallback(
    (field: string) => {
      const next = nextSort(sort, field)
      storeSort(next)
      change({ sort: sortText(next) }, 'choose')
    },
    [sort, change],
  )
  const select = useCallback((id: string) => {
    setSelection((before) => {
      const after = new Set(before)
      if (!after.delete(id)) after.add(id)
      return after
    })
  }, [])

  const onPaused = useCallback((paused: number | undefined) => change({ paused }, 'type'), [change])
  usePauseInUrl(view, { paused: search.paused, onPaused, isReady: state.status === 'ready' })
  useEffect(() => view.hold('drawer', search.lease !== undefined), [view, search.lease])

  return {
    view,
    state,
    search,
    sort,
    selection,
    change,
    sortBy,
    select,
    clearSelection: () => setSelection(new Set()),
    clearFilters: () =>
      change({ q: undefined, is: undefined, pool: undefined, vendor: undefined }, 'choose'),
  }
}

/** Keeps one view for as long as the page is shown. */
function useLiveView(search: LeasesSearch, sort: LeaseSort): LiveView<Lease> {
  const [view] = useState(() => createLiveView(leaseStore, arrangeLeases(search, sort)))
  const { q, is, pool, vendor } = search
  useEffect(() => {
    view.arrange(arrangeLeases(defined({ q, is, pool, vendor }), sort))
  }, [view, q, is, pool, vendor, sort])
  useEffect(() => {
    view.open()
    return () => view.close()
  }, [view])
  return view
}
