/** Pages of the stored query log, newest first. */

import type { DnsLoggedQuery } from 'tidings'
import * as z from 'zod/mini'
import { getJson, serverUrl } from '../api.ts'

const entry = z.object({
  id: z.string(),
  at: z.string(),
  at_ms: z.number(),
  client: z.string(),
  transport: z.string(),
  name: z.string(),
  type: z.string(),
  status: z.string(),
  rcode: z.string(),
  reason: z.nullable(
    z.object({ list: z.number(), rule: z.string(), line: z.nullable(z.number()) }),
  ),
  upstream: z.nullable(z.string()),
  duration_ms: z.number(),
  addresses: z.array(z.string()),
  authentic: z.boolean(),
})

const page = z.object({
  entries: z.array(entry),
  next_cursor: z.nullable(z.string()),
  trouble: z.nullable(z.string()),
})

/** A page of the log; `next_cursor` is null on the last. */
export interface LogPage {
  readonly entries: readonly DnsLoggedQuery[]
  readonly next_cursor: string | null
  /** Why what is on disk is missing; null when nothing is. */
  readonly trouble: string | null
}

export interface LogPageRequest {
  readonly filter: string
  readonly limit: number
  /** Entry that the page begins behind; null begins with the newest. */
  readonly before: string | null
}

export function fetchLogPage(
  { filter, limit, before }: LogPageRequest,
  signal: AbortSignal,
): Promise<LogPage> {
  const query = new URLSearchParams({ filter, limit: String(limit) })
  if (before !== null) query.set('cursor', before)
  return getJson(`/api/v1/dns/log?${query}`, (value): LogPage => page.parse(value), signal)
}

/** Returns where the server writes out everything that a filter wants. */
export function exportUrl(filter: string, format: 'csv' | 'ndjson'): string {
  return serverUrl(`/api/v1/dns/log/export?${new URLSearchParams({ format, filter })}`)
}
