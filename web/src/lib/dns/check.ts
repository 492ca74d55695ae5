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
  /** For whom the rules were looked at. */
  client: z._default(
    z.nullable(z.object({ address: text, name: text, group: z.string(), filtered: z.boolean() })),
    null,
  ),
})

/** Answer of `GET /api/v1/dns/check`. */
export type DnsCheck = z.infer<typeof check>

/** The rule that decides. */
export type DnsCheckReason = NonNullable<DnsCheck['reason']>

export interface CheckRequest {
  readonly name: string
  readonly type: string
  /** Address; empty is this server itself. */
  readonly client: string
}

export function fetchCheck(request: CheckRequest, signal?: AbortSignal): Promise<DnsCheck> {
  const { name, type, client } = request
  const query = new URLSearchParams({ name, type, ...(client ? { client } : {}) })
  return getJson(`/api/v1/dns/check?${query}`, (value): DnsCheck => check.parse(value), signal)
}

export function checkQuery(request: CheckRequest) {
  return queryOptions({
    // Below the rule book, for any change of it may change the answer.
    queryKey: ['dns', 'book', 'check', request.name, request.type, request.client] as const,
    queryFn: ({ signal }) => fetchCheck(request, signal),
    // Rules may have changed since.
    staleTime: 0,
  })
}
