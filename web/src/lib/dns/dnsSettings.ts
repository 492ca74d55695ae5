/** Settings of the resolver in effect, as nested members with the names of the configuration. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson, request } from '../api.ts'

const dnsSettings = z.record(z.string(), z.unknown())

/** Answer of `GET /api/v1/dns/settings`. */
export type DnsSettings = z.infer<typeof dnsSettings>

export const dnsSettingsQuery = queryOptions({
  queryKey: ['dns', 'settings'] as const,
  queryFn: ({ signal }) =>
    getJson('/api/v1/dns/settings', (value) => dnsSettings.parse(value), signal),
})

/** Returns a member by its dotted name, as `cache.ttl_min`; undefined when there is none. */
export function settingAt(settings: DnsSettings | undefined, path: string): unknown {
  let value: unknown = settings
  for (const name of path.split('.')) {
    if (typeof value !== 'object' || value === null) return undefined
    value = new Map(Object.entries(value)).get(name)
  }
  return value
}

/** Changes settings by a patch (RFC 7396) and returns those in effect then. */
export async function patchDnsSettings(patch: object): Promise<DnsSettings> {
  const response = await request('/api/v1/dns/settings', { method: 'PATCH', body: patch })
  return dnsSettings.parse(await response.json())
}
