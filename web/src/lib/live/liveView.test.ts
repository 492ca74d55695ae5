/** The rules of live tables: what changes at once, what waits, what is counted. */

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { LiveCollection, RowChange } from './collection.ts'
import type { FlashKind } from './flashes.ts'
import { createLiveView, type LiveView, PAUSED_CHANGES_MAX } from './liveView.ts'

interface Row {
  readonly name: string
  readonly rank: number
}

/** A collection that tests change by hand. */
function collectionOf(initial: Readonly<Record<string, number>>) {
  const rows = new Map<string, Row>()
  for (const [name, rank] of Object.entries(initial)) rows.set(name, { name, rank })
  const listeners = new Set<(changes: readonly RowChange<Row>[]) => void>()
  const tell = (change: RowChange<Row>): void => {
    for (const listener of listeners) listener([change])
  }
  const collection: LiveCollection<Row> = {
    rows,
    onChanges(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return {
    collection,
    put(name: string, rank: number, flash: FlashKind | null = 'updated') {
      const previous = rows.get(name) ?? null
      const row = { name, rank }
      rows.set(name, row)
      tell({ id: name, row, previous, flash: previous === null && flash ? 'added' : flash })
    },
    drop(name: string, flash: FlashKind | null = 'removed') {
      const previous = rows.get(name) ?? null
      rows.delete(name)
      tell({ id: name, row: null, previous, flash })
    },
  }
}

const byRank = { key: (row: Row) => row.rank, direction: 'asc', filter: null } as const

let view: LiveView<Row>
let data: ReturnType<typeof collectionOf>

function names(): string[] {
  const { nShown } = view.state()
  return Array.from({ length: nShown }, (_, place) => view.rowAt(place)?.id ?? '?')
}

function settle(ms = 50): void {
  vi.advanceTimersByTime(ms)
}

beforeEach(() => {
  vi.useFakeTimers()
  data = collectionOf({ a: 1, b: 2, c: 3 })
  view = createLiveView(data.collection, byRank, {
    now: () => Date.now(),
    prefersStillness: () => false,
  })
  view.open()
})

afterEach(() => {
  view.close()
  vi.useRealTimers()
})

describe('while nobody is in the table', () => {
  test('rows come, move and are marked', () => {
    data.put('d', 0)
    data.put('c', 1.5)
    settle()
    expect(names()).toEqual(['d', 'a', 'c', 'b'])
    expect(view.rowAt(0)?.flash?.kind).toBe('added')
    expect(view.rowAt(2)?.flash?.kind).toBe('updated')
    expect(view.rowAt(1)?.flash).toBeNull()
  })

  test('a renewal has no mark', () => {
    data.put('a', 1.1, null)
    settle()
    expect(view.rowAt(0)?.row.rank).toBe(1.1)
    expect(view.rowAt(0)?.flash).toBeNull()
  })

  test('a removed row stays as a ghost for 900 ms and is not counted', () => {
    data.drop('b')
    settle()
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.rowAt(1)).toMatchObject({ isGhost: true, flash: { kind: 'removed' } })
    expect(view.state().nMatching).toBe(2)
    settle(900)
    expect(names()).toEqual(['a', 'c'])
  })

  test('a ghost that comes back is a row again', () => {
    data.drop('b')
    data.put('b', 2)
    settle(2000)
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.rowAt(1)?.isGhost).toBe(false)
  })

  test('a row that the filter no longer lets through leaves', () => {
    view.arrange({ ...byRank, filter: (row) => row.rank < 10 })
    data.put('a', 50)
    settle()
    expect(names()).toEqual(['b', 'c'])
    expect(view.state()).toMatchObject({ nMatching: 2, nTotal: 3 })
  })

  test('a mark is forgotten when nobody can see it any more', () => {
    data.put('a', 1)
    settle()
    expect(view.rowAt(0)?.flash).not.toBeNull()
    settle(3000)
    expect(view.rowAt(0)?.flash).toBeNull()
  })
})

describe('while the pointer is in the table', () => {
  beforeEach(() => view.hold('pointer', true))

  test('cells change at once, order waits', () => {
    data.put('a', 99)
    settle()
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.rowAt(0)?.row.rank).toBe(99)
    expect(view.state()).toMatchObject({ isHeld: true, nMoved: 1, nNew: 0 })
    view.hold('pointer', false)
    settle(299)
    expect(names()).toEqual(['a', 'b', 'c'])
    settle(1)
    expect(names()).toEqual(['b', 'c', 'a'])
    expect(view.state()).toMatchObject({ isHeld: false, nMoved: 0 })
  })

  test('new rows are counted and take their place on demand, with a mark', () => {
    data.put('d', 0)
    data.put('e', 1.5)
    settle()
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.state().nNew).toBe(2)
    data.drop('e')
    settle()
    expect(view.state().nNew).toBe(1)
    view.applyWaiting()
    expect(names()).toEqual(['d', 'a', 'b', 'c'])
    expect(view.rowAt(0)?.flash?.kind).toBe('added')
    expect(view.state()).toMatchObject({ isHeld: true, nNew: 0 })
  })

  test('removed rows stay as ghosts for as long as it is held', () => {
    data.drop('b')
    settle(60_000)
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.rowAt(1)).toMatchObject({ isGhost: true, row: { name: 'b' } })
    view.hold('pointer', false)
    settle(300)
    expect(names()).toEqual(['a', 'c'])
  })

  test('the pointer that only slips out moves nothing', () => {
    data.put('a', 99)
    view.hold('pointer', false)
    settle(200)
    view.hold('pointer', true)
    settle(5000)
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  test('another reason goes on holding', () => {
    view.hold('focus', true)
    view.hold('pointer', false)
    data.put('a', 99)
    settle(5000)
    expect(names()).toEqual(['a', 'b', 'c'])
  })

  test('another order takes effect at once: a person chose it', () => {
    data.put('d', 0)
    view.arrange({ ...byRank, direction: 'desc' })
    expect(names()).toEqual(['c', 'b', 'a', 'd'])
    expect(view.state().nNew).toBe(0)
  })
})

describe('while paused', () => {
  test('cells stand still, changes are counted, and the count has an end', () => {
    view.pause()
    data.put('a', 42)
    data.drop('b')
    settle()
    expect(names()).toEqual(['a', 'b', 'c'])
    expect(view.rowAt(0)?.row.rank).toBe(1)
    expect(view.matching().map((row) => row.name)).toEqual(['a', 'b', 'c'])
    expect(view.state().nPausedChanges).toBe(2)
    for (let n = 0; n < PAUSED_CHANGES_MAX + 10; n += 1) data.put('c', 100 + n)
    settle(1000)
    expect(view.state().nPausedChanges).toBe(PAUSED_CHANGES_MAX + 1)
    view.resume()
    expect(names()).toEqual(['a', 'c'])
    expect(view.rowAt(0)?.row.rank).toBe(42)
    expect(view.state().pausedAtMs).toBeNull()
  })

  test('a filter works on what was frozen', () => {
    view.pause()
    data.put('d', 4)
    view.arrange({ ...byRank, filter: (row) => row.rank > 1 })
    expect(names()).toEqual(['b', 'c'])
    view.resume()
    expect(names()).toEqual(['b', 'c', 'd'])
  })
})

test('many marks at once are shown in the gutter only', () => {
  for (let n = 0; n < 31; n += 1) data.put('a', 1)
  settle(200)
  expect(view.state().isBusy).toBe(true)
  settle(3000)
  data.put('a', 1)
  settle(200)
  expect(view.state().isBusy).toBe(false)
})

test('over 200 changes a second are drawn five times a second', () => {
  const paints = vi.fn()
  view.subscribe(paints)
  for (let ms = 0; ms < 2000; ms += 2) {
    data.put('a', ms)
    settle(2)
  }
  paints.mockClear()
  expect(view.state().isSampling).toBe(true)
  for (let ms = 0; ms < 1000; ms += 2) {
    data.put('a', ms)
    settle(2)
  }
  expect(paints.mock.calls.length).toBeLessThanOrEqual(6)
  expect(paints.mock.calls.length).toBeGreaterThanOrEqual(4)
})

test('a silent removal leaves at once, and waits unmarked while held', () => {
  data.drop('a', null)
  settle()
  expect(names()).toEqual(['b', 'c'])
  view.hold('scrolled', true)
  data.drop('b', null)
  settle()
  expect(names()).toEqual(['b', 'c'])
  view.hold('scrolled', false)
  settle(300)
  expect(names()).toEqual(['c'])
})
