/** The index stays what a whole sort would make of it, whatever comes in whatever order. */

import { describe, expect, test } from 'vitest'
import { createSortedIndex, type SortKey } from './sortedIndex.ts'
import { addressKey, naturalKey } from './sortKeys.ts'

/** Small generator of the same numbers for the same seed (xorshift32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

describe('sorted index', () => {
  test.each([['asc'], ['desc']] as const)(
    'equals a whole sort after any changes, %s',
    (direction) => {
      const seed = Date.now() % 1_000_000 || 1
      const next = random(seed)
      const index = createSortedIndex()
      index.fill([], direction)
      const keys = new Map<string, SortKey>()
      for (let step = 0; step < 4000; step += 1) {
        const id = `row-${Math.floor(next() * 300)}`
        if (next() < 0.3) {
          expect(index.take(id)).toBe(keys.delete(id))
          continue
        }
        const key = next() < 0.1 ? null : Math.floor(next() * 40)
        index.put(id, key)
        keys.set(id, key)
      }
      const sorted = createSortedIndex()
      sorted.fill(
        [...keys].map(([id, key]) => ({ id, key })),
        direction,
      )
      expect(index.entries, `seed ${seed}`).toEqual(sorted.entries)
      for (const [place, { id }] of index.entries.entries()) expect(index.indexOf(id)).toBe(place)
    },
  )

  test('null stands last in both directions', () => {
    for (const direction of ['asc', 'desc'] as const) {
      const index = createSortedIndex()
      const entries = [null, 2, 1].map((key, place) => ({ id: `${place}`, key }))
      index.fill(entries, direction)
      expect(index.entries.at(-1)?.key).toBeNull()
    }
  })

  test('a put that changes nothing says so', () => {
    const index = createSortedIndex()
    index.put('a', 1)
    index.put('b', 5)
    expect(index.put('a', 1)).toBe(false)
    expect(index.put('a', 2)).toBe(false)
    expect(index.put('a', 9)).toBe(true)
    expect(index.take('missing')).toBe(false)
    expect(index.indexOf('missing')).toBe(-1)
  })
})

test('names sort the way people read them', () => {
  const names = ['host-10', 'Host-2', 'éclair', 'eclair-2', 'host-2a', 'a00', 'host-0002']
  const sorted = names.toSorted((left, right) => (naturalKey(left)! < naturalKey(right)! ? -1 : 1))
  expect(sorted.slice(0, 3)).toEqual(['a00', 'éclair', 'eclair-2'])
  expect(sorted.at(-1)).toBe('host-10')
  expect(naturalKey('host-2')).toBe(naturalKey('HOST-0002'))
  expect(naturalKey(null)).toBeNull()
  expect(naturalKey('')).toBeNull()
})

test('addresses sort by number, IPv4 first, what is none last', () => {
  const addresses = ['2001:db8::10', '192.0.2.100', 'none', '192.0.2.9', '2001:db8::9', '::1']
  const sorted = addresses.toSorted((left, right) =>
    addressKey(left) < addressKey(right) ? -1 : 1,
  )
  expect(sorted).toEqual(['192.0.2.9', '192.0.2.100', '::1', '2001:db8::9', '2001:db8::10', 'none'])
})
