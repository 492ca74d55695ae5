/** What was asked within a range, counted by the server. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from '../api.ts'

/** Ranges that the server counts. */
export const STATISTICS_RANGES = ['1h', '6h', '24h', '7d', '30d'] as const

export type StatisticsRange = (typeof STATISTICS_RANGES)[number]

export const RANGE_MS: Readonly<Record<StatisticsRange, number>> = {
  '1h': 3_600_000,
  '6h': 6 * 3_600_000,
  '24h': 24 * 3_600_000,
  '7d': 7 * 24 * 3_600_000,
  '30d': 30 * 24 * 3_600_000,
}

const number = z._default(z.nullable(z.number()), null)
const counts = z.record(z.string(), z.number())
const top = z.array(z.object({ name: z.string(), count: z.number() }))

const statistics = z.object({
  range: z.string(),
  total: z.number(),
  statuses: counts,
  types: counts,
  rcodes: counts,
  duration_ms_mean: z.number(),
  duration_ms_p95: number,
  per_second: z.number(),
  per_second_peak: z.number(),
  upstreams: z.array(
    z.object({
      name: z.string(),
      questions: z.number(),
      failed: z.number(),
      duration_ms_p50: number,
      duration_ms_p95: number,
    }),
  ),
  top_names: top,
  top_blocked: top,
  top_clients: top,
  step_ms: z.number(),
  steps: z.array(
    z.object({
      start_ms: z.number(),
      total: z.number(),
      blocked: z.number(),
      cached: z.number(),
      failed: z.number(),
    }),
  ),
})

/** Answer of `GET /api/v1/dns/statistics`. */
export type DnsStatistics = z.infer<typeof statistics>

/** One name and how often it was asked for. */
export type DnsCount = DnsStatistics['top_names'][number]

const REFRESH_MS = 5000

export function statisticsQuery(range: StatisticsRange) {
  return queryOptions({
    queryKey: ['dns-statistics', range] as const,
    queryFn: ({ signal }) =>
      getJson(
        `/api/v1/dns/statistics?range=${range}`,
        (value): DnsStatistics => statistics.parse(value),
        signal,
      ),
    refetchInterval: REFRESH_MS,
    staleTime: REFRESH_MS,
  })
}

/** Returns the share of a status in per cent; null when nothing was asked. */
export function shareOf(
  { total, statuses }: Pick<DnsStatistics, 'total' | 'statuses'>,
  ...wanted: readonly string[]
): number | null {
  if (total === 0) return null
  const n = wanted.reduce((sum, status) => sum + (statuses[status] ?? 0), 0)
  return (n * 100) / total
}
