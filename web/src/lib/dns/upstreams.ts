/** How the upstreams do, asked for while somebody looks. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from '../api.ts'

const REFRESH_MS = 5000

const upstreams = z.object({
  upstreams: z.array(
    z.object({
      name: z.string(),
      up: z.boolean(),
      /** Mean of late; null before the first answer. */
      latency_ms: z.nullable(z.number()),
      questions: z.number(),
      failures: z.number(),
      last_error: z.nullable(z.string()),
      last_used: z.nullable(z.string()),
    }),
  ),
})

/** Health of one upstream. */
export type UpstreamHealth = z.infer<typeof upstreams>['upstreams'][number]

export const upstreamsQuery = queryOptions({
  queryKey: ['dns', 'upstreams'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/upstreams',
      (value): readonly UpstreamHealth[] => upstreams.parse(value).upstreams,
      signal,
    ),
  refetchInterval: REFRESH_MS,
  staleTime: REFRESH_MS,
})
