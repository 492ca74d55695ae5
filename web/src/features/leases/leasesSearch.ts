/** What of the lease page stands in its URL, so that a link, a reload and Back bring it again. */

import type { SortDirection } from '../../lib/live/sortedIndex.ts'
import { readStored, writeStored } from '../../lib/storage.ts'

export const SORT_FIELDS = [
  'ip_address',
  'mac_address',
  'hostname',
  'vendor',
  'lease_time',
  'is_active',
  'is_static',
  'pool_name',
  'source',
  'state',
] as const

export type SortField = (typeof SORT_FIELDS)[number]

/** Order of the rows; null is by address, as the server sends them. */
export type LeaseSort = { readonly field: SortField; readonly direction: SortDirection } | null

export const FACETS = ['active', 'static', 'expired', 'expiring', 'unnamed'] as const

export type Facet = (typeof FACETS)[number]

/** Longest search that is kept; no field is longer. */
const QUERY_MAX_CHARS = 256

export interface LeasesSearch {
  /** Text to find. */
  readonly q?: string
  /** Facets that are on; a row has to have one of them. */
  readonly is?: readonly Facet[]
  readonly pool?: string
  readonly vendor?: string
  /** `field.asc`, `field.desc` or `none`. */
  readonly sort?: string
  /** Optional columns that are shown. */
  readonly cols?: readonly string[]
  /** Lease whose details are open. */
  readonly lease?: string
  /** Seconds since 1970 at which the table was paused. */
  readonly paused?: number
}

/** Takes out of a URL what it may say and leaves the rest aside. */
export function leasesSearch(search: Record<string, unknown>): LeasesSearch {
  const text = (name: string): string | undefined => {
    const value = search[name]
    if (typeof value !== 'string' && typeof value !== 'number') return undefined
    return String(value).slice(0, QUERY_MAX_CHARS) || undefined
  }
  const list = (name: string): string[] => {
    const value = search[name]
    if (Array.isArray(value)) return value.filter((item) => typeof item === 'string')
    return typeof value === 'string' && value ? value.split(',') : []
  }
  const is = FACETS.filter((facet) => list('is').includes(facet))
  const cols = list('cols')
  const sort = text('sort')
  const paused = search.paused
  const found = {
    q: text('q'),
    is: is.length > 0 ? is : undefined,
    pool: text('pool'),
    vendor: text('vendor'),
    sort: sort !== undefined && parseSort(sort) !== undefined ? sort : undefined,
    cols: cols.length > 0 ? cols : undefined,
    lease: text('lease'),
    paused: typeof paused === 'number' && Number.isFinite(paused) ? paused : undefined,
  }
  return defined(found)
}

/** Leaves out members that are undefined, so that they leave the URL. */
export function defined<Values extends object>(
  values: Values,
): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  // `Object.fromEntries` forgets the names that went in.
  return Object.fromEntries(entries) as {
    [Name in keyof Values]?: Exclude<Values[Name], undefined>
  }
}

function parseSort(text: string): LeaseSort | undefined {
  if (text === 'none') return null
  const [name, direction] = text.split('.')
  const field = SORT_FIELDS.find((known) => known === name)
  if (!field || (direction !== 'asc' && direction !== 'desc')) return undefined
  return { field, direction }
}

export function sortText(sort: LeaseSort): string {
  return sort === null ? 'none' : `${sort.field}.${sort.direction}`
}

const SORT_KEY = 'dhcp-lease-sort-config'
const DEFAULT_SORT: LeaseSort = { field: 'lease_time', direction: 'desc' }

/** Returns the order in force: the URL's, else the one chosen last, else the latest end first. */
export function sortInForce(search: LeasesSearch): LeaseSort {
  const fromUrl = search.sort === undefined ? undefined : parseSort(search.sort)
  if (fromUrl !== undefined) return fromUrl
  const stored = readStored(SORT_KEY)
  if (stored === null) return DEFAULT_SORT
  try {
    // Anything may stand in storage; `parseSort` looks at both members.
    const value = JSON.parse(stored) as { field?: unknown; direction?: unknown } | null
    if (value === null) return null
    return parseSort(`${value.field}.${value.direction}`) ?? DEFAULT_SORT
  } catch {
    return DEFAULT_SORT
  }
}

export function storeSort(sort: LeaseSort): void {
  writeStored(SORT_KEY, JSON.stringify(sort))
}

/** Returns the order after a click on a column: ascending, descending, none. */
export function nextSort(sort: LeaseSort, field: string): LeaseSort {
  const known = SORT_FIELDS.find((name) => name === field)
  if (!known) return sort
  if (sort?.field !== known) return { field: known, direction: 'asc' }
  return sort.direction === 'asc' ? { field: known, direction: 'desc' } : null
}
