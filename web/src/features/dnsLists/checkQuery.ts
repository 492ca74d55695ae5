/** Asks what the rules say of a name. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from '../../lib/api.ts'

const reason = z.object({
  list: z.number(),
  list_name: z.optional(z.nullable(z.string())),
  rule: z.string(),
  line: z.optional(z.nullable(z.number())),
  text: z.optional(z.nullable(z.string())),
})

const check = z.object({
  name: z.string(),
  type: z.string(),
  verdict: z.string(),
  reason: z.optional(z.nullable(reason)),
  rewrites: z.array(z.string()),
  chain: z.array(
    z.object({ name: z.string(), verdict: z.string(), reason: z.optional(z.nullable(reason)) }),
  ),
  client: z.optional(
    z.nullable(
      z.object({
        address: z.nullable(z.string()),
        name: z.nullable(z.string()),
        group: z.string(),
        filtered: z.boolean(),
      }),
    ),
  ),
})

export type Check = z.infer<typeof check>
export type CheckReason = z.infer<typeof reason>

export function checkQuery(name: string, type: string, client: string) {
  const asked = new URLSearchParams({ name, type, ...(client ? { client } : {}) })
  return queryOptions({
    // Below the rule book, for any change of it may change the answer.
    queryKey: ['dns', 'book', 'check', name, type, client] as const,
    queryFn: ({ signal }) =>
      getJson(`/api/v1/dns/check?${asked}`, (value) => check.parse(value), signal),
    staleTime: 0,
  })
}
