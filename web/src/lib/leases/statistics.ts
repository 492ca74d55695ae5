/** The four figures of the lease page, counted by the server for the reader's day. */

import { queryOptions, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import * as z from 'zod/mini'
import { getVersioned, type Versioned } from '../api.ts'
import { queryClient } from '../queryClient.ts'
import { followLeases } from './followLeases.ts'

const statistics = z.object({
  total_leases: z.number(),
  available_ips: z.number(),
  expiring_today: z.number(),
  device_types: z.number(),
})

export type Statistics = z.infer<typeof statistics>

const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC'
let held: Versioned<Statistics> | null = null

async function loadStatistics(signal: AbortSignal): Promise<Statistics> {
  const path = `/api/v1/statistics?tz=${encodeURIComponent(timeZone)}`
  const parse = (value: unknown): Statistics => statistics.parse(value)
  const answer = await getVersioned(path, parse, held?.etag ?? null, signal)
  held = answer ?? held
  if (held === null) throw new Error('a 304 without anything held')
  return held.data
}

const statisticsQuery = queryOptions({
  queryKey: ['statistics'] as const,
  queryFn: ({ signal }) => loadStatistics(signal),
})

function refresh(): Promise<void> {
  return queryClient.refetchQueries(statisticsQuery, { cancelRefetch: false, throwOnError: true })
}

/** Returns the figures and has them follow the leases, also while the stream is down. */
export function useStatistics(): {
  readonly data: Statistics | undefined
  readonly error: Error | null
} {
  const { data, error } = useQuery(statisticsQuery)
  useEffect(() => followLeases(refresh), [])
  return { data, error }
}
