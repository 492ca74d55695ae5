/** Tests of the query log as the page holds it, and of its groups. */

import type { DnsLoggedQuery } from 'tidings'
import { expect, test } from 'vitest'
import type { RowChange } from '../live/collection.ts'
import { createGroupedLog } from './groupedLog.ts'
import { createQueryLog, HELD_MAX, KEPT_MAX, type LogRow } from './queryLog.ts'

function entry(id: number, change: Partial<DnsLoggedQuery> = {}): DnsLoggedQuery {
  return {
    id: String(id),
    at: '2030-01-01T00:00:00Z',
    at_ms: id,
    client: '192.0.2.7',
    transport: 'udp',
    name: 'www.example',
    type: 'A',
    status: 'forwarded',
    rcode: 'NOERROR',
    reason: null,
    upstream: 'one',
    duration_ms: 1,
    addresses: [],
    authentic: false,
    ...change,
  }
}

function range(from: number, to: number): DnsLoggedQuery[] {
  return Array.from({ length: to - from }, (_, n) => entry(from + n))
}

function follow(log: { onChanges(run: (changes: readonly RowChange<LogRow>[]) => void): unknown }) {
  const told: RowChange<LogRow>[] = []
  log.onChanges((changes) => told.push(...changes))
  return told
}

test('what comes live and by a page is held once', () => {
  const log = createQueryLog()
  log.addLive([entry(10), entry(11)])
  log.addNewest([entry(11), entry(10), entry(9)])
  expect([...log.rows.keys()].map(Number).sort((a, b) => a - b)).toEqual([9, 10, 11])
  expect(log.oldestId()).toBe('9')
  log.addOlder([entry(8), entry(7)])
  expect(log.oldestId()).toBe('7')
})

test('news are marked, the past and the first answer are not', () => {
  const log = createQueryLog()
  const told = follow(log)
  log.addNewest([entry(5)])
  log.addLive([entry(6)])
  log.addOlder([entry(4)])
  expect(told.map(({ id, flash }) => [id, flash])).toEqual([
    ['5', null],
    ['6', 'added'],
    ['4', null],
  ])
})

test('after a break that the newest page does not bridge, the rest is dropped', () => {
  const log = createQueryLog()
  log.addLive([entry(1), entry(2)])
  expect(log.addNewest([entry(9), entry(8)])).toBe(false)
  expect([...log.rows.keys()]).toEqual(['9', '8'])
  expect(log.oldestId()).toBe('8')
  expect(log.addNewest([entry(10), entry(9)])).toBe(true)
  expect(log.rows.size).toBe(3)
})

test('the oldest go, but not while somebody reads them', () => {
  const log = createQueryLog()
  log.addLive(range(0, KEPT_MAX))
  log.hold(true)
  log.addLive(range(KEPT_MAX, KEPT_MAX + 10))
  expect(log.oldestId()).toBe('0')
  log.hold(false)
  log.addLive(range(KEPT_MAX + 10, KEPT_MAX + 20))
  expect(log.rows.size).toBe(KEPT_MAX)
  expect(log.oldestId()).toBe('20')
})

test('what finds no room is counted', () => {
  const log = createQueryLog()
  log.hold(true)
  expect(log.addLive(range(0, HELD_MAX - 1))).toBe(0)
  expect(log.addLive(range(HELD_MAX, HELD_MAX + 5))).toBe(4)
  expect(log.rows.size).toBe(HELD_MAX)
})

test('equal questions share a line under the newest of them', () => {
  const log = createQueryLog()
  log.addNewest([entry(5), entry(4), entry(3, { type: 'AAAA' })])
  const grouped = createGroupedLog(log)
  const stop = grouped.open()
  const told = follow(grouped)
  expect([...grouped.rows.values()].map(({ entry: { id }, n }) => [id, n])).toEqual([
    ['5', 2],
    ['3', 1],
  ])
  log.addLive([entry(6), entry(7), entry(8, { client: '192.0.2.8' })])
  expect(told.map(({ row, flash }) => [row?.entry.id, row?.n, flash])).toEqual([
    ['7', 4, 'updated'],
    ['8', 1, 'added'],
  ])
  log.addOlder([entry(2)])
  expect(told.at(-1)).toMatchObject({ row: { n: 5, entry: { id: '7' } }, flash: null })
  stop()
  log.addLive([entry(9)])
  expect(told).toHaveLength(3)
})

test('a group goes with the last of its questions', () => {
  const log = createQueryLog()
  const grouped = createGroupedLog(log)
  grouped.open()
  log.addNewest([entry(2), entry(1, { name: 'old.example' })])
  log.addNewest([entry(9), entry(8)])
  expect([...grouped.rows.values()].map(({ entry: { name }, n }) => [name, n])).toEqual([
    ['www.example', 2],
  ])
})
