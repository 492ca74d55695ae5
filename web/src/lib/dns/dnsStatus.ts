/** Whether the resolver runs, where it listens, and how its cache and log do. */

import { queryOptions, type UseQueryResult, useQuery } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson, request } from '../api.ts'
import { queryClient } from '../queryClient.ts'
import { useRefetchOn } from '../refetchOn.ts'
import { serverStatusQuery } from '../status.ts'
import { dnsSettingsQuery } from './dnsSettings.ts'

/** Time between two looks at the figures of the cache and the log. */
const REFRESH_MS = 5000

export const pause = z.object({
  scope: z.enum(['all', 'group', 'client']),
  name: z.nullable(z.string()),
  until: z.string(),
  until_ms: z.number(),
})

/** Filtering that is off for a while. */
export type DnsPause = z.infer<typeof pause>

const dnsStatus = z.object({
  running: z.boolean(),
  addresses: z.array(z.object({ address: z.string(), transport: z.string() })),
  since: z.string(),
  error: z.optional(z.nullable(z.string())),
  log: z.object({
    driver: z.string(),
    entries: z.number(),
    size_bytes: z.number(),
    recent: z.number(),
    waiting: z.number(),
    lost: z.object({ rings: z.number(), disk: z.number(), live: z.number() }),
    error: z.optional(z.nullable(z.string())),
  }),
  cache: z.object({
    entries: z.number(),
    size_bytes: z.number(),
    hits: z.number(),
    stale: z.number(),
    misses: z.number(),
    evicted: z.number(),
    prefetched: z.optional(z.number()),
  }),
  pauses: z.optional(z.array(pause)),
})

/** Answer of `GET /api/v1/dns/status`. */
export type DnsStatus = z.infer<typeof dnsStatus>

export function parseDnsStatus(value: unknown): DnsStatus {
  return dnsStatus.parse(value)
}

export const dnsStatusQuery = queryOptions({
  queryKey: ['dns', 'status'] as const,
  queryFn: ({ signal }) => getJson('/api/v1/dns/status', parseDnsStatus, signal),
  refetchInterval: REFRESH_MS,
})

/** Follows the resolver's status; an event of it is asked for at once. */
export function useDnsStatus(): UseQueryResult<DnsStatus> {
  useRefetchOn('dns/status', dnsStatusQuery.queryKey)
  return useQuery(dnsStatusQuery)
}

/** Starts or stops the resolver and returns how it is then; a refusal says who holds a port. */
export async function switchDns(isOn: boolean): Promise<DnsStatus> {
  const response = await request(`/api/v1/dns/${isOn ? 'start' : 'stop'}`, { method: 'POST' })
  const status = parseDnsStatus(await response.json())
  queryClient.setQueryData(dnsStatusQuery.queryKey, status)
  await queryClient.invalidateQueries(serverStatusQuery)
  return status
}

const settings = z.object({ log: z.object({ privacy: z.string() }) })

/** How much of a question is kept: `full`, `anonymous_client` or `no_names`. */
export const logPrivacyQuery = queryOptions({
  ...dnsSettingsQuery,
  select: (value) => settings.parse(value).log.privacy,
})
