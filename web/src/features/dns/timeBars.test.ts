/** Tests of the bars of the page of DNS. */

import { expect, test } from 'vitest'
import { timeBars } from './timeBars.ts'

const MINUTE = 60_000
const NOW = 1_000 * 3_600_000 + 30 * MINUTE

function step(start_ms: number, total: number) {
  return { start_ms, total, cached: 2, blocked: 1, failed: 1 }
}

test('an hour is a bar a minute, up to the one that runs', () => {
  const bars = timeBars({ step_ms: MINUTE, steps: [step(NOW, 10)] }, '1h', NOW + 5)
  expect(bars).toHaveLength(60)
  expect(bars.at(-1)).toEqual({
    startMs: NOW,
    endMs: NOW + MINUTE,
    total: 10,
    passed: 6,
    cached: 2,
    blocked: 1,
    failed: 1,
  })
  expect(bars[0]?.total).toBe(0)
})

test('finer steps are summed', () => {
  const steps = [step(NOW - 2 * MINUTE, 10), step(NOW - MINUTE, 20)]
  const bars = timeBars({ step_ms: MINUTE, steps }, '24h', NOW)
  expect(bars).toHaveLength(96)
  expect(bars.at(-2)?.total).toBe(30)
})

test('a bar is never shorter than a step, and what is older is left out', () => {
  const hour = 60 * MINUTE
  const steps = [step(NOW - 31 * 24 * hour, 10)]
  const bars = timeBars({ step_ms: 24 * hour, steps }, '30d', NOW)
  expect(bars).toHaveLength(30)
  expect(bars.every((bar) => bar.total === 0)).toBe(true)
})
