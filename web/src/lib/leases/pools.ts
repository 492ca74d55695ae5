/** The pools with their usage, as the server counts them. */

import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import * as z from 'zod/mini'
import { getVersioned, type Versioned } from '../api.ts'
import { client } from '../client.ts'
import { queryClient } from '../queryClient.ts'
import { followLeases } from './followLeases.ts'

const pool = z.object({
  pool_name: z.string(),
  start_ip: z.string(),
  end_ip: z._default(z.nullable(z.string()), null),
  netmask: z._default(z.nullable(z.string()), null),
  lease_duration: z._default(z.nullable(z.number()), null),
  total_addresses: z.number(),
  mode: z.string(),
  family: z.number(),
  source: z.string(),
  note: z._default(z.nullable(z.string()), null),
  used_addresses: z.number(),
  available_addresses: z.number(),
  usage_percentage: z.number(),
})
const pools = z.array(pool)
const poolsEvent = z.object({ pools })

/** A pool with its usage. */
export type PoolUsage = z.infer<typeof pool>

/** Share of a pool from which on it is worth a warning, in per cent. */
export const POOL_FULL_PERCENT = 90

let held: Versioned<readonly PoolUsage[]> | null = null

async function loadPools(signal: AbortSignal): Promise<readonly PoolUsage[]> {
  const parse = (value: unknown): readonly PoolUsage[] => pools.parse(value)
  const answer = await getVersioned('/api/v1/pools/usage', parse, held?.etag ?? null, signal)
  held = answer ?? held
  if (held === null) throw new Error('a 304 without anything held')
  return held.data
}

const poolsQuery = queryOptions({
  queryKey: ['pools'] as const,
  queryFn: ({ signal }) => loadPools(signal),
})

function refresh(): Promise<void> {
  return queryClient.refetchQueries(poolsQuery, { cancelRefetch: false, throwOnError: true })
}

/** Returns the pools; the stream renews them, or asking while it is down. */
export function usePools(): {
  readonly data: readonly PoolUsage[] | undefined
  readonly error: Error | null
} {
  const { data, error } = useQuery(poolsQuery)
  useEffect(() => {
    const stopEvents = client.subscribe('dhcp/pools', (event) => {
      const parsed = poolsEvent.safeParse(event.data)
      if (parsed.success) queryClient.setQueryData(poolsQuery.queryKey, parsed.data.pools)
    })
    const stopFollowing = followLeases(refresh)
    return () => {
      stopEvents()
      stopFollowing()
    }
  }, [])
  return { data, error }
}

/** Returns a pool's own key: two sources may have pools of one name. */
export function poolKey(usage: PoolUsage): string {
  return `${usage.source}/${usage.pool_name}/${usage.start_ip}`
}
