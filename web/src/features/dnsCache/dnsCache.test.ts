/** Tests of the cache's rows and of what a flush takes. */

import { expect, test } from 'vitest'
import { type CacheEntry, type CachePage, isWithin } from './cacheQuery.ts'
import { cacheRows, ttlText } from './cacheRows.ts'
import { cacheSearch } from './cacheSearch.ts'

function entry(name: string, change: Partial<CacheEntry> = {}): CacheEntry {
  return {
    name,
    type: 'A',
    rcode: 'NOERROR',
    ttl: 100,
    ttl_initial: 300,
    hits: 0,
    size_bytes: 500,
    addresses: [],
    chain: [],
    upstream: null,
    authentic: false,
    ...change,
  }
}

function page(askedAtMs: number, ...entries: readonly CacheEntry[]): CachePage {
  return { entries: [...entries], total: entries.length, next_cursor: null, askedAtMs }
}

test('pages follow each other, and answers of the same name and type are told apart', () => {
  const rows = cacheRows(
    [page(0, entry('a.example'), entry('a.example')), page(0, entry('b.example'))],
    new Map(),
  )
  expect(rows.map(({ id, place }) => [id, place])).toEqual([
    ['a.example A', 0],
    ['a.example A 2', 1],
    ['b.example A', 2],
  ])
})

test('the end of an answer stays where it was unless it was renewed', () => {
  const first = cacheRows([page(1_000, entry('a.example'))], new Map())
  const before = new Map(first.map((row) => [row.id, row]))
  expect(first[0]?.endsAtMs).toBe(101_000)
  const rounded = cacheRows([page(6_400, entry('a.example', { ttl: 95 }))], before)
  expect(rounded[0]?.endsAtMs).toBe(101_000)
  const renewed = cacheRows([page(6_000, entry('a.example', { ttl: 300 }))], before)
  expect(renewed[0]?.endsAtMs).toBe(306_000)
})

test('a domain holds itself and what is below it', () => {
  const cases = [
    ['example.com', 'example.com', true],
    ['www.example.com', 'example.com', true],
    ['www.example.com', 'Example.COM.', true],
    ['notexample.com', 'example.com', false],
    ['com', 'example.com', false],
    ['example.com.example', 'example.com', false],
  ] as const
  for (const [name, domain, expected] of cases) {
    expect(isWithin(name, domain), `${name} in ${domain}`).toBe(expected)
  }
})

test('times left are written in two units', () => {
  const cases = [
    [-3, '0s'],
    [59.9, '59s'],
    [252, '4m 12s'],
    [3_900, '1h 5m'],
    [183_600, '2d 3h'],
  ] as const
  for (const [seconds, expected] of cases) expect(ttlText(seconds)).toBe(expected)
})

test('the URL says only what it may', () => {
  expect(cacheSearch({ q: 'ads', type: 'AAAA', more: 1 })).toEqual({ q: 'ads', type: 'AAAA' })
  expect(cacheSearch({ q: 7, type: 'a b' })).toEqual({})
})
