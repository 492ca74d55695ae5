/** The hub's channels and open streams, asked for every two seconds while somebody looks. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from './api.ts'

/** Time between two looks. */
const REFRESH_MS = 2000
/** Most channels that are asked for; a server may hold more. */
export const CHANNELS_MAX = 2000

/** Fields that the server sorts channels by. */
export type ChannelOrder = 'name' | 'rate' | 'subscribers' | 'bytes'

const channel = z.object({
  name: z.string(),
  class: z.string(),
  subscribers: z.number(),
  published: z.number(),
  bytes: z.number(),
  rate: z.number(),
  held: z.number(),
  held_bytes: z.number(),
  touched_at: z.number(),
})
const channels = z.object({ channels: z.array(channel), total: z.number() })

const connection = z.object({
  client_id: z.string(),
  address: z.nullable(z.string()),
  format: z.string(),
  channels: z.array(z.string()),
  opened_at: z.number(),
  delivered: z.number(),
  delivered_bytes: z.number(),
  lag: z.number(),
  stalled_seconds: z.number(),
  dropped: z.number(),
  resets: z.number(),
})
const connections = z.object({ connections: z.array(connection) })

/** A channel and its figures. */
export type ChannelRow = z.infer<typeof channel>

/** An open stream and its figures. */
export type ConnectionRow = z.infer<typeof connection>

export function channelsQuery(order: ChannelOrder) {
  return queryOptions({
    queryKey: ['channels', order] as const,
    queryFn: ({ signal }) =>
      getJson(
        `/api/sse/channels?sort=${order}&limit=${CHANNELS_MAX}`,
        (value): { channels: readonly ChannelRow[]; total: number } => channels.parse(value),
        signal,
      ),
    refetchInterval: REFRESH_MS,
  })
}

export const connectionsQuery = queryOptions({
  queryKey: ['connections'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/sse/connections',
      (value): readonly z.infer<typeof connection>[] => connections.parse(value).connections,
      signal,
    ),
  refetchInterval: REFRESH_MS,
})
