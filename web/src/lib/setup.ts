/** What a first run finds: DHCP servers in the usual places, and whether a demo is allowed. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson } from './api.ts'

const candidate = z.object({
  system: z.string(),
  leases: z.string(),
  dnsmasq_conf: z._default(z.nullable(z.string()), null),
  is_watched: z.boolean(),
  n_leases: z._default(z.nullable(z.number()), null),
  preview: z.array(
    z.object({
      ip_address: z.string(),
      mac_address: z._default(z.nullable(z.string()), null),
      hostname: z._default(z.nullable(z.string()), null),
    }),
  ),
  problem: z._default(z.nullable(z.string()), null),
})

const setup = z.object({
  demo: z.object({ enabled: z.boolean(), is_allowed: z.boolean() }),
  candidates: z.array(candidate),
})

/** A DHCP server that was found on the server's machine. */
export type Candidate = z.infer<typeof candidate>

export const setupQuery = queryOptions({
  queryKey: ['setup'] as const,
  queryFn: ({ signal }) => getJson('/api/v1/setup', (value) => setup.parse(value), signal),
})
