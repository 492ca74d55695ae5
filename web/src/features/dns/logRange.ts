/** The range of the figures as a range of the query log. */

import type { StatisticsRange } from '../../lib/dns/statistics.ts'

/** What the log's URL says for a range; the log keeps no 30 days by default, so there it says nothing. */
export function logRange(range: StatisticsRange): {
  readonly range?: Exclude<StatisticsRange, '30d'>
} {
  return range === '30d' ? {} : { range }
}
