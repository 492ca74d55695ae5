/** Tests of what charts are drawn of. */

import { expect, test } from 'vitest'
import { latencyQuantile, lookAt, perSecond, plain } from './figures.ts'
import { parseMetrics } from './parseMetrics.ts'

function look(atMs: number, text: string) {
  return lookAt(parseMetrics(text), atMs)
}

test('labels are summed', () => {
  const one = look(0, 'tidings_refused_total{limit="a"} 1\ntidings_refused_total{limit="b"} 2')
  expect(plain('refused')(one, null)).toBe(3)
  const leases = look(0, 'dhcp_leases{state="active"} 5\ndhcp_leases{state="expired"} 2')
  expect([leases.figures.leasesActive, leases.figures.leasesOther]).toEqual([5, 2])
})

test('a rate is the growth per second, and nothing over a restart', () => {
  const before = look(1000, 'tidings_published_total 10')
  const rate = perSecond('published')
  expect(rate(look(6000, 'tidings_published_total 20'), before)).toBe(2)
  expect(rate(look(6000, 'tidings_published_total 3'), before)).toBeNull()
  expect(rate(before, null)).toBeNull()
})

test('a quantile lies within its bucket, of what came since', () => {
  const buckets = (a: number, b: number, c: number): string =>
    `tidings_delivery_seconds_bucket{le="0.001"} ${a}\n` +
    `tidings_delivery_seconds_bucket{le="0.003"} ${b}\n` +
    `tidings_delivery_seconds_bucket{le="+Inf"} ${c}`
  const before = look(0, buckets(100, 100, 100))
  const median = latencyQuantile(0.5)
  expect(median(look(1, buckets(100, 110, 110)), before)).toBeCloseTo(0.002)
  expect(median(look(1, buckets(100, 100, 110)), before)).toBe(0.003)
  expect(median(look(1, buckets(100, 100, 100)), before)).toBeNull()
})
