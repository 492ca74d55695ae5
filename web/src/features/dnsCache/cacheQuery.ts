/** The resolver's cache by REST: pages of answers, how many a flush takes, and the flush. */

import { infiniteQueryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson, request } from '../../lib/api.ts'

/** Answers of one page. */
const PAGE_ROWS = 200
/** Time between two looks while somebody looks. */
const REFRESH_MS = 5000
/** Answers of a page when they are only counted, the server's most. */
const COUNT_PAGE_ROWS = 1000
/** Pages that are counted; more is said to be more. */
const COUNT_PAGES_MAX = 20

const entry = z.object({
  name: z.string(),
  type: z.string(),
  rcode: z.string(),
  ttl: z.number(),
  ttl_initial: z.number(),
  hits: z.number(),
  size_bytes: z.number(),
  addresses: z.array(z.string()),
  chain: z.array(z.string()),
  upstream: z.optional(z.nullable(z.string())),
  authentic: z.boolean(),
})

const page = z.object({
  entries: z.array(entry),
  total: z.number(),
  next_cursor: z.optional(z.nullable(z.string())),
})

/** A cached answer as the server tells it. */
export type CacheEntry = z.infer<typeof entry>

/** A page and when it was asked for, since times to live count down from then. */
export interface CachePage extends z.infer<typeof page> {
  readonly askedAtMs: number
}

/** What to throw away. */
export type Flush =
  | { readonly kind: 'one'; readonly name: string; readonly type: string }
  | { readonly kind: 'within'; readonly name: string }
  | { readonly kind: 'all' }

/** How many answers a flush takes. */
export interface FlushCount {
  readonly n: number
  /** Whether there are more than were counted. */
  readonly isMore: boolean
}

export function cacheQuery(search: string, type: string | null) {
  return infiniteQueryOptions({
    queryKey: ['dns', 'cache', search, type] as const,
    queryFn: ({ pageParam, signal }) => loadPage(search, type, pageParam, PAGE_ROWS, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last: CachePage) => last.next_cursor ?? null,
    refetchInterval: REFRESH_MS,
  })
}

async function loadPage(
  search: string,
  type: string | null,
  cursor: string | null,
  limit: number,
  signal?: AbortSignal,
): Promise<CachePage> {
  const asked = new URLSearchParams({ limit: String(limit) })
  if (search) asked.set('q', search)
  if (type !== null) asked.set('type', type)
  if (cursor !== null) asked.set('cursor', cursor)
  const askedAtMs = Date.now()
  const found = await getJson(`/api/v1/dns/cache?${asked}`, (value) => page.parse(value), signal)
  return { ...found, askedAtMs }
}

/** Returns whether a name is a domain or lies below it. */
export function isWithin(name: string, domain: string): boolean {
  const wanted = domain.toLowerCase().replace(/\.$/, '')
  return name === wanted || name.endsWith(`.${wanted}`)
}

/** Counts the answers that a flush takes; the server has no word for it, so they are looked at. */
export async function countFlush(what: Flush, signal: AbortSignal): Promise<FlushCount> {
  if (what.kind === 'all') {
    const { total } = await loadPage('', null, null, 1, signal)
    return { n: total, isMore: false }
  }
  const type = what.kind === 'one' ? what.type : null
  const counts =
    what.kind === 'one'
      ? (found: CacheEntry) => found.name === what.name
      : (found: CacheEntry) => isWithin(found.name, what.name)
  let n = 0
  let cursor: string | null = null
  for (let looked = 0; looked < COUNT_PAGES_MAX; looked += 1) {
    const search = what.name.toLowerCase().replace(/\.$/, '')
    const found: CachePage = await loadPage(search, type, cursor, COUNT_PAGE_ROWS, signal)
    n += found.entries.filter(counts).length
    cursor = found.next_cursor ?? null
    if (cursor === null) return { n, isMore: false }
  }
  return { n, isMore: true }
}

/** Throws answers away and returns how many. */
export async function flushCache(what: Flush): Promise<number> {
  const asked = new URLSearchParams()
  if (what.kind === 'all') asked.set('all', 'true')
  else asked.set(what.kind === 'one' ? 'name' : 'within', what.name)
  if (what.kind === 'one') asked.set('type', what.type)
  const response = await request(`/api/v1/dns/cache?${asked}`, { method: 'DELETE' })
  return z.object({ flushed: z.number() }).parse(await response.json()).flushed
}
