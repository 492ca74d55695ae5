/** What of the page of DNS stands in its URL. */

import { STATISTICS_RANGES, type StatisticsRange } from '../../lib/dns/statistics.ts'

export interface DnsSearch {
  /** Range of the figures; the last day when missing. */
  readonly range?: StatisticsRange
}

/** Takes out of a URL what it may say and leaves the rest aside. */
export function dnsSearch(search: Record<string, unknown>): DnsSearch {
  const range = STATISTICS_RANGES.find((known) => known === search.range)
  return range === undefined ? {} : { range }
}
