/** Keeps the leases as they are now: read once, then changed by events, compared at rest. */

import type { Gap, TidingsClient, TidingsEvent } from 'tidings'
import * as z from 'zod/mini'
import { ApiError, type Versioned } from '../api.ts'
import type { FlashKind } from '../live/flashes.ts'
import { type Lease, leaseSchema, makeLease } from './lease.ts'
import { createLeaseRows, type LeaseChange, type LeaseRows } from './leaseRows.ts'

/** Time that single changes may take to follow the word that something changed. */
const DETAIL_WAIT_MS = 400
/** Rest after the last event before the whole is compared with the server once. */
const RECONCILE_AFTER_MS = 3_000
/** The same while events never rest. */
const RECONCILE_AT_LEAST_MS = 60_000

const leaseEvent = z.object({
  change_type: z.enum(['added', 'updated', 'renewed', 'removed', 'expired']),
  lease: leaseSchema,
  version: z.number(),
})
const versionEvent = z.object({ version: z.number() })

/** How far the leases are. */
export type LeasesState =
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly isStale: boolean; readonly loadedAtMs: number }
  | { readonly status: 'failed'; readonly error: ApiError }

export interface LeaseStore extends LeaseRows {
  readonly state: () => LeasesState
  readonly subscribe: (listener: () => void) => () => void
  /** Version of the leases as far as this page knows. */
  version(): number
  /** Asks the server for all leases, unless nothing changed. */
  load(): Promise<void>
  start(): void
}

/** What the store needs of the page around it. */
export interface LeaseStoreParts {
  readonly client: Pick<TidingsClient, 'subscribe' | 'onConnectionChange'>
  /** Asks for all leases; null when they are still what `etag` names. */
  readonly fetchLeases: (etag: string | null) => Promise<Versioned<readonly Lease[]> | null>
  readonly pollWhileDown: (check: () => Promise<unknown>) => void
}

export function createLeaseStore(parts: LeaseStoreParts): LeaseStore {
  const { client, fetchLeases, pollWhileDown } = parts
  const rows = createLeaseRows()
  const listeners = new Set<() => void>()
  let state: LeasesState = { status: 'loading' }
  let etag: string | null = null
  let snapshotVersion = 0
  let eventVersion = 0
  let loading: Promise<void> | null = null
  let isLoadWanted = false
  /** Events that came while a snapshot was on its way, to be laid over it. */
  let meanwhile: LeaseChange[] | null = null
  let detailTimer: ReturnType<typeof setTimeout> | undefined
  let reconcileTimer: ReturnType<typeof setTimeout> | undefined
  let reconciledAtMs = 0

  function show(next: LeasesState): void {
    state = next
    for (const listener of listeners) listener()
  }

  async function fetchAll(): Promise<void> {
    meanwhile = []
    try {
      const answer = await fetchLeases(etag)
      reconciledAtMs = Date.now()
      if (answer) {
        etag = answer.etag
        snapshotVersion = answer.version ?? 0
        eventVersion = snapshotVersion
        rows.replace(answer.data, state.status === 'ready')
        apply(meanwhile.filter((change) => change.version > snapshotVersion))
        show({ status: 'ready', isStale: answer.isStale, loadedAtMs: Date.now() })
      } else if (state.status === 'ready') {
        show({ ...state, loadedAtMs: Date.now() })
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (state.status !== 'ready') show({ status: 'failed', error })
      throw error
    } finally {
      meanwhile = null
    }
  }

  /** Loads once at a time; a wish that comes meanwhile is granted after it. */
  function load(): Promise<void> {
    if (loading) {
      isLoadWanted = true
      return loading
    }
    clearTimeout(reconcileTimer)
    reconcileTimer = undefined
    loading = fetchAll().finally(() => {
      loading = null
      if (!isLoadWanted) return
      isLoadWanted = false
      loadQuietly()
    })
    return loading
  }

  /** A load that fails shows in the state, or is repeated by polling. */
  function loadQuietly(): void {
    load().catch(() => undefined)
  }

  function apply(changes: readonly LeaseChange[]): void {
    for (const { version } of changes) eventVersion = Math.max(eventVersion, version)
    rows.apply(changes)
  }

  function take(event: TidingsEvent): void {
    const one = leaseEvent.safeParse(event.data)
    if (one.success) {
      const change = toChange(one.data)
      meanwhile?.push(change)
      if (change.version <= snapshotVersion) return
      apply([change])
      reconcileLater()
      return
    }
    // `leases_changed`, `snapshot`, or an event of a later server: the whole says what happened.
    const told = versionEvent.safeParse(event.data)
    if (!told.success || told.data.version > snapshotVersion) loadQuietly()
  }

  function takeWord(event: TidingsEvent): void {
    const told = versionEvent.safeParse(event.data)
    if (!told.success) return
    const { version } = told.data
    clearTimeout(detailTimer)
    if (version === eventVersion || version === snapshotVersion) return
    // The single changes carry the same version and follow at once, if there are any.
    detailTimer = setTimeout(() => {
      if (version > eventVersion || version < snapshotVersion) loadQuietly()
    }, DETAIL_WAIT_MS)
  }

  function reconcileLater(): void {
    if (reconcileTimer !== undefined && Date.now() - reconciledAtMs > RECONCILE_AT_LEAST_MS) return
    clearTimeout(reconcileTimer)
    reconcileTimer = setTimeout(() => {
      reconcileTimer = undefined
      loadQuietly()
    }, RECONCILE_AFTER_MS)
  }

  return {
    ...rows,
    state: () => state,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    version: () => Math.max(snapshotVersion, eventVersion),
    load,
    start() {
      const onGap = (_gap: Gap): void => loadQuietly()
      client.subscribe('dhcp/leases', takeWord, { onGap })
      client.subscribe('dhcp/leases/changes', take, { onGap })
      // Another start of the server counts versions anew, so what is held is compared.
      client.onConnectionChange((now, before) => {
        const isBack = now.status === 'open' && before.status !== 'open'
        if (isBack && before.everConnected) loadQuietly()
      })
      pollWhileDown(load)
      loadQuietly()
    },
  }
}

function toChange(event: z.infer<typeof leaseEvent>): LeaseChange {
  const lease: Lease = makeLease(event.lease)
  const isGone =
    event.change_type === 'removed' ||
    (event.change_type === 'expired' && event.lease.state !== 'expired')
  return {
    id: lease.id,
    lease: isGone ? null : lease,
    flash: FLASHES[event.change_type],
    version: event.version,
  }
}

/** A renewal is the commonest change and none that anybody looks for. */
const FLASHES: Readonly<Record<z.infer<typeof leaseEvent>['change_type'], FlashKind | null>> = {
  added: 'added',
  updated: 'updated',
  renewed: null,
  removed: 'removed',
  expired: 'removed',
}
