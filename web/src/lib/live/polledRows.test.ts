/** Tests of what an answer changes. */

import { expect, test } from 'vitest'
import type { RowChange } from './collection.ts'
import { createPolledRows } from './polledRows.ts'

interface Row {
  readonly id: string
  readonly n: number
  readonly tags: readonly string[]
}

const row = (id: string, n = 0, tags: readonly string[] = []): Row => ({ id, n, tags })

test('only what differs is told, and only what came or went is marked', () => {
  const rows = createPolledRows<Row>(({ id }) => id)
  const told: (readonly RowChange<Row>[])[] = []
  rows.onChanges((changes) => told.push(changes))

  rows.replace([row('a'), row('b', 1, ['x'])])
  expect(told[0]?.map(({ id, flash }) => [id, flash])).toEqual([
    ['a', null],
    ['b', null],
  ])
  rows.replace([row('a'), row('b', 1, ['x'])])
  expect(told.length).toBe(1)

  rows.replace([row('b', 1, ['x', 'y']), row('c')])
  expect(told[1]?.map(({ id, flash }) => [id, flash])).toEqual([
    ['b', null],
    ['c', 'added'],
    ['a', 'removed'],
  ])
  expect([...rows.rows.keys()]).toEqual(['b', 'c'])
})

test('rows of another answer are no news', () => {
  const rows = createPolledRows<Row>(({ id }) => id)
  const told: (readonly RowChange<Row>[])[] = []
  rows.replace([row('a')])
  rows.onChanges((changes) => told.push(changes))
  rows.exchange([row('b')])
  expect(told[0]?.map(({ id, flash }) => [id, flash])).toEqual([
    ['b', null],
    ['a', null],
  ])
  rows.replace([row('b'), row('c')])
  expect(told[1]?.map(({ id, flash }) => [id, flash])).toEqual([['c', 'added']])
})
