/** The server's own state: version, sources and their health. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from './api.ts'

const source = z.object({
  id: z.string(),
  format: z.string(),
  path: z.string(),
  health: z.string(),
  stale: z.boolean(),
  reason: z.optional(z.nullable(z.string())),
  changed_at: z.optional(z.nullable(z.string())),
  read_at: z.optional(z.nullable(z.string())),
  detected_by: z.optional(z.nullable(z.string())),
  leases: z.number(),
  problems_total: z.number(),
  problems: z.array(
    z.object({ path: z.optional(z.nullable(z.string())), line: z.number(), reason: z.string() }),
  ),
})

const serverStatus = z.object({
  version: z.string(),
  /** Build of the dashboard in the server; null when it has none. */
  dashboard: z.optional(z.nullable(z.string())),
  environment: z.optional(z.string()),
  modules: z.object({ hub: z.boolean(), dhcp: z.boolean(), dns: z.boolean() }),
  /** Whether changes are made up. */
  demo: z.boolean(),
  stale: z.boolean(),
  sources: z.array(source),
  leases: z.number(),
  active_connections: z.number(),
  now: z.string(),
})

/** Answer of `GET /api/v1/status`. */
export type ServerStatus = z.infer<typeof serverStatus>

/** One DHCP server that is watched. */
export type SourceStatus = z.infer<typeof source>

/** The status with the time at which it was asked, to see whether the clocks agree. */
export interface TimedStatus extends ServerStatus {
  /** Server's clock less this browser's, in milliseconds; within a second of the truth. */
  readonly clockSkewMs: number
}

async function loadStatus(signal: AbortSignal): Promise<TimedStatus> {
  const startedAt = Date.now()
  const status = await getJson('/api/v1/status', (value) => serverStatus.parse(value), signal)
  const middle = (startedAt + Date.now()) / 2
  return { ...status, clockSkewMs: Date.parse(status.now) - middle }
}

export const serverStatusQuery = queryOptions({
  queryKey: ['status'] as const,
  queryFn: ({ signal }) => loadStatus(signal),
})

const statusEvent = z.object({ sources: z.array(source) })

/** Reads the sources out of an event of `dhcp/status`; null for another shape. */
export function parseSources(value: unknown): SourceStatus[] | null {
  const parsed = statusEvent.safeParse(value)
  return parsed.success ? parsed.data.sources : null
}
