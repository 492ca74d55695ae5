/** What the hub still knows of one lease: its latest changes, newest first. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from '../../lib/api.ts'
import type { Lease } from '../../lib/leases/lease.ts'

/** Publications looked through; the hub keeps about so many. */
const LOOKED_THROUGH_MAX = 1000
/** Changes shown of one lease. */
const SHOWN_MAX = 20

const history = z.object({
  events: z.array(z.object({ timestamp: z.number(), data: z.unknown() })),
})

const change = z.object({
  change_type: z.enum(['added', 'updated', 'renewed', 'removed', 'expired']),
  changed: z._default(z.nullable(z.array(z.string())), null),
  lease: z.object({ ip_address: z.string(), kind: z.string(), source: z.string() }),
})

/** One change of a lease, with the time at which it was published. */
export interface PastChange {
  readonly atMs: number
  readonly type: z.infer<typeof change>['change_type']
  readonly changed: readonly string[]
}

async function loadHistory(lease: Lease, signal: AbortSignal): Promise<readonly PastChange[]> {
  const path = `/api/sse/channels/dhcp/leases/changes/events?order=newest&limit=${LOOKED_THROUGH_MAX}`
  const { events } = await getJson(path, (value) => history.parse(value), signal)
  const { ip_address, kind, source } = lease.wire
  return events
    .flatMap(({ timestamp, data }): PastChange[] => {
      const parsed = change.safeParse(data)
      if (!parsed.success) return []
      const { lease: of } = parsed.data
      if (of.ip_address !== ip_address || of.kind !== kind || of.source !== source) return []
      const { change_type: type, changed } = parsed.data
      return [{ atMs: timestamp, type, changed: changed ?? [] }]
    })
    .slice(0, SHOWN_MAX)
}

/** The end and the name stand in the key, so that the history is read again when they change. */
export function leaseHistoryQuery(lease: Lease) {
  return queryOptions({
    queryKey: ['lease-history', lease.id, lease.wire.lease_time, lease.wire.hostname] as const,
    queryFn: ({ signal }) => loadHistory(lease, signal),
    placeholderData: (before) => before,
    // An unknown channel only means that nothing has ever changed.
    retry: false,
  })
}
