/** The latest changes of leases: what the hub still holds, then what the stream brings. */

import { useSyncExternalStore } from 'react'
import * as z from 'zod/mini'
import { ApiError, getJson } from '../api.ts'
import { client } from '../client.ts'
import { queryClient } from '../queryClient.ts'
import { serverStatusQuery } from '../status.ts'

/** Changes kept; about an hour of a busy network. */
const KEPT_MAX = 2000
/** Publications asked for at the start; the server gives at most so many. */
const ASKED_MAX = 1000

const change = z.object({
  change_type: z.enum(['added', 'updated', 'renewed', 'removed', 'expired']),
  changed: z._default(z.nullable(z.array(z.string())), null),
  lease: z.object({
    ip_address: z.string(),
    hostname: z._default(z.nullable(z.string()), null),
    mac_address: z._default(z.nullable(z.string()), null),
    kind: z.string(),
    source: z.string(),
  }),
})

const history = z.object({
  events: z.array(z.object({ position: z.string(), timestamp: z.number(), data: z.unknown() })),
})

export type ChangeType = z.infer<typeof change>['change_type']

/** A change that happened to a lease. */
export interface RecentChange {
  /** Position in the hub's log: the same change never stands twice. */
  readonly id: string
  readonly atMs: number
  readonly type: ChangeType
  readonly changed: readonly string[]
  readonly address: string
  readonly hostname: string | null
  readonly leaseId: string
  /** Whether it came while this page was open. */
  readonly isNew: boolean
}

/** Newest first; another array after every change. */
let changes: readonly RecentChange[] = []
const listeners = new Set<() => void>()
let nReaders = 0
let stop: (() => void) | null = null

function toChange(id: string, atMs: number, data: unknown, isNew: boolean): RecentChange | null {
  const parsed = change.safeParse(data)
  if (!parsed.success) return null
  const { change_type: type, changed, lease } = parsed.data
  return {
    id,
    atMs,
    type,
    changed: changed ?? [],
    address: lease.ip_address,
    hostname: lease.hostname,
    leaseId: `${lease.source}/${lease.kind}/${lease.ip_address}`,
    isNew,
  }
}

function show(next: readonly RecentChange[]): void {
  changes = next
  for (const listener of listeners) listener()
}

async function loadHistory(): Promise<void> {
  // Without a DHCP server the channel does not exist, and asking for it would log an error in the console.
  const { modules } = await queryClient.ensureQueryData(serverStatusQuery)
  if (!modules.dhcp) return
  const path = `/api/sse/channels/dhcp/leases/changes/events?order=newest&limit=${ASKED_MAX}`
  const { events } = await getJson(path, (value) => history.parse(value))
  const known = new Set(changes.map(({ id }) => id))
  const past = events.flatMap(({ position, timestamp, data }) => {
    const found = known.has(position) ? null : toChange(position, timestamp, data, false)
    return found ?? []
  })
  const merged = [...changes, ...past].sort((left, right) => right.atMs - left.atMs)
  show(merged.slice(0, KEPT_MAX))
}

function loadQuietly(): void {
  loadHistory().catch((error: unknown) => {
    // Without history the list starts with the next change.
    if (!(error instanceof ApiError)) throw error
  })
}

function start(): () => void {
  loadQuietly()
  return client.subscribe(
    'dhcp/leases/changes',
    (event) => {
      if (event.id === null || changes[0]?.id === event.id) return
      const found = toChange(event.id, event.timestamp ?? Date.now(), event.data, true)
      if (found) show([found, ...changes].slice(0, KEPT_MAX))
    },
    { onGap: loadQuietly },
  )
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  nReaders += 1
  stop ??= start()
  return () => {
    listeners.delete(listener)
    nReaders -= 1
    if (nReaders > 0) return
    stop?.()
    stop = null
  }
}

/** Returns the latest changes, newest first. */
export function useRecentChanges(): readonly RecentChange[] {
  return useSyncExternalStore(subscribe, () => changes)
}
