/** Tests of counting the questions of each second. */

import type { DnsLiveBatch, DnsLoggedQuery } from 'tidings'
import { expect, test } from 'vitest'
import { createRateCounter, RATE_SECONDS } from './liveRate.ts'

function batch(matching: number, statuses: readonly string[]): DnsLiveBatch {
  // The counter looks at nothing but the status.
  const entries = statuses.map((status) => ({ status }) as DnsLoggedQuery)
  return { entries, matching, dropped: matching - entries.length }
}

test('the figure is the mean of the last whole seconds', () => {
  const counter = createRateCounter(6_000)
  counter.add(batch(30, ['forwarded']), 10_100)
  counter.add(batch(20, ['forwarded']), 10_900)
  counter.add(batch(99, ['forwarded']), 11_000)
  const { perSecond, seconds } = counter.read(11_500)
  expect(perSecond).toBe(10)
  expect(seconds).toHaveLength(5)
  expect(seconds.at(-1)).toEqual({ total: 50, blocked: 0 })
  expect(counter.read(900_000).seconds).toHaveLength(RATE_SECONDS)
})

test('nothing is told of a time before the first whole second', () => {
  const counter = createRateCounter(10_000)
  expect(counter.read(10_900)).toEqual({ seconds: [], perSecond: null })
  counter.add(batch(7, ['forwarded']), 10_950)
  expect(counter.read(11_100).perSecond).toBe(7)
})

test('entries that are left out are blocked as often as those that are told', () => {
  const counter = createRateCounter(1_000)
  counter.add(batch(40, ['blocked', 'cached', 'cached', 'cached']), 5_000)
  expect(counter.read(6_000).seconds.at(-1)).toEqual({ total: 40, blocked: 10 })
})
