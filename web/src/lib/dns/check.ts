/** What the rules say of a name, and which of them decides. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from '../api.ts'

const text = z._default(z.nullable(z.string()), null)

const reason = z.nullable(
  z.object({
    list: z.number(),
    list_name: text,
    rule: z.string(),
    line: z.nullable(z.number()),
    /** The line as it was written. */
    text,
  }),
)

const check = z.object({
  name: z.string(),
  verdict: z.string(),
  reason,
  rewrites: z.array(z.string()),
  chain: z.array(z.object({ name: z.string(), verdict: z.string(), reason })),
})

/** Answer of `GET /api/v1/dns/check`. */
export type DnsCheck = z.infer<typeof check>

export interface CheckRequest {
  readonly name: string
  readonly type: string
  readonly client: string
}

export function fetchCheck(request: CheckRequest, signal?: AbortSignal): Promise<DnsCheck> {
  const query = new URLSearchParams({ ...request })
  return getJson(`/api/v1/dns/check?${query}`, (value): DnsCheck => check.parse(value), signal)
}

export function checkQuery(request: CheckRequest) {
  return queryOptions({
    queryKey: ['dns-check', request.name, request.type, request.client] as const,
    queryFn: ({ signal }) => fetchCheck(request, signal),
    // Rules may have changed since.
    staleTime: 0,
  })
}
