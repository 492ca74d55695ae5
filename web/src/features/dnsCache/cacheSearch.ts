/** What of the cache page stands in its URL. */

export interface CacheSearch {
  /** Text that stands in the name. */
  readonly q?: string
  readonly type?: string
}

/** Longest search that is kept; no name is longer (RFC 1035 §2.3.4). */
const QUERY_MAX_CHARS = 255

/** Types that are offered; every other one is found by name. */
export const TYPES = [
  'A',
  'AAAA',
  'CNAME',
  'HTTPS',
  'MX',
  'NS',
  'PTR',
  'SOA',
  'SRV',
  'TXT',
] as const

export function cacheSearch(search: Record<string, unknown>): CacheSearch {
  const { q, type } = search
  return {
    ...(typeof q === 'string' && q ? { q: q.slice(0, QUERY_MAX_CHARS) } : {}),
    ...(typeof type === 'string' && /^[A-Z0-9]{1,16}$/.test(type) ? { type } : {}),
  }
}
