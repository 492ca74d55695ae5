/** Figures of the hub, asked for while somebody looks at them. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from './api.ts'

const stats = z.object({
  connections: z.number(),
  channels: z.number(),
  published: z.number(),
  published_per_second: z.number(),
  delivered: z.number(),
  delivered_bytes: z.number(),
  lag_max: z.number(),
  dropped: z.number(),
})

/** Answer of `GET /api/sse/stats`, as far as pages show it. */
export type HubStats = z.infer<typeof stats>

const REFRESH_MS = 5000

export const hubStatsQuery = queryOptions({
  queryKey: ['hub-stats'] as const,
  queryFn: ({ signal }) => getJson('/api/sse/stats', (value) => stats.parse(value), signal),
  refetchInterval: REFRESH_MS,
  staleTime: REFRESH_MS,
})
