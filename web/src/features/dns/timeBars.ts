/** Sums the server's steps into bars that a screen has room for. */

import { type DnsStatistics, RANGE_MS, type StatisticsRange } from '../../lib/dns/statistics.ts'

/** What a bar is made of, from its foot to its top. */
export const PARTS = ['passed', 'cached', 'blocked', 'failed'] as const

export type Part = (typeof PARTS)[number]

export type TimeBar = Readonly<Record<Part, number>> & {
  readonly startMs: number
  readonly endMs: number
  readonly total: number
}

/** Bars that a range is cut into, as long as the server's steps are finer. */
const BARS: Readonly<Record<StatisticsRange, number>> = {
  '1h': 60,
  '6h': 72,
  '24h': 96,
  '7d': 84,
  '30d': 60,
}

/** Returns one bar for each stretch of the range, oldest first, those of quiet times with nothing. */
export function timeBars(
  statistics: Pick<DnsStatistics, 'step_ms' | 'steps'>,
  range: StatisticsRange,
  nowMs: number,
): readonly TimeBar[] {
  const lengthMs = Math.max(statistics.step_ms, RANGE_MS[range] / BARS[range])
  const endMs = (Math.floor(nowMs / lengthMs) + 1) * lengthMs
  const nBars = Math.ceil(RANGE_MS[range] / lengthMs)
  const firstMs = endMs - nBars * lengthMs
  const bars = Array.from({ length: nBars }, (_, place) => ({
    startMs: firstMs + place * lengthMs,
    endMs: firstMs + (place + 1) * lengthMs,
    total: 0,
    passed: 0,
    cached: 0,
    blocked: 0,
    failed: 0,
  }))
  for (const step of statistics.steps) {
    const bar = bars[Math.floor((step.start_ms - firstMs) / lengthMs)]
    if (!bar) continue
    bar.total += step.total
    bar.cached += step.cached
    bar.blocked += step.blocked
    bar.failed += step.failed
    bar.passed += Math.max(0, step.total - step.cached - step.blocked - step.failed)
  }
  return bars
}
