/** What of the query log stands in its URL, so that a link, a reload and Back bring it again. */

/** Ages that the log can be cut at; without one it reaches as far as it is kept. */
export const LOG_RANGES = ['15m', '1h', '6h', '24h', '7d'] as const

export type LogRange = (typeof LOG_RANGES)[number]

/** Longest filter that is kept. */
const FILTER_MAX_CHARS = 1000

export interface DnsLogSearch {
  /** Filter in the server's grammar. */
  readonly filter?: string
  readonly range?: LogRange
  /** Start and end of a fixed stretch, milliseconds since 1970; with an end nothing new comes. */
  readonly from?: number
  readonly to?: number
  /** Whether repeats share a line. */
  readonly group?: boolean
  /** Entry whose details are open. */
  readonly entry?: string
  /** Seconds since 1970 at which the table was paused. */
  readonly paused?: number
}

/** A change of the URL; undefined takes a member out. */
export type DnsLogPatch = { readonly [Name in keyof DnsLogSearch]?: DnsLogSearch[Name] | undefined }

/** Takes out of a URL what it may say and leaves the rest aside. */
export function dnsLogSearch(search: Record<string, unknown>): DnsLogSearch {
  const { filter, entry, paused } = search
  const range = LOG_RANGES.find((known) => known === search.range)
  const from = whole(search.from)
  const to = whole(search.to)
  const isFixed = from !== undefined || to !== undefined
  return {
    // A filter of digits alone comes out of the URL as a number.
    ...(typeof filter === 'string' || typeof filter === 'number'
      ? nonEmpty('filter', String(filter).slice(0, FILTER_MAX_CHARS))
      : {}),
    ...(range !== undefined && !isFixed ? { range } : {}),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
    ...(search.group === true ? { group: true } : {}),
    ...(typeof entry === 'string' || typeof entry === 'number'
      ? nonEmpty('entry', String(entry))
      : {}),
    ...(whole(paused) === undefined ? {} : { paused: whole(paused) ?? 0 }),
  }
}

function nonEmpty<Name extends string>(
  name: Name,
  text: string,
): { readonly [N in Name]?: string } {
  // The cast claims only the member that is written here.
  return (text ? { [name]: text } : {}) as { readonly [N in Name]?: string }
}

function whole(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** Returns the filter that the stored log is asked with: what was typed, and the range. */
export function storedFilter({ filter = '', range, from, to }: DnsLogSearch): string {
  const terms = [filter]
  if (range !== undefined) terms.push(`after:${range}`)
  if (from !== undefined) terms.push(`after:${from}`)
  if (to !== undefined) terms.push(`before:${to}`)
  return terms.filter(Boolean).join(' ')
}
