/** Tests of the inspector's list of events. */

import type { TidingsEvent } from 'tidings'
import { expect, test } from 'vitest'
import type { RowChange } from '../../lib/live/collection.ts'
import { createEventLog, EVENTS_MAX, type InspectedEvent } from './eventLog.ts'

function event(channel: string, data: unknown, type = 'note'): TidingsEvent {
  return { id: null, channel, type, timestamp: 1, data }
}

test('an event that two patterns match is kept once', () => {
  const log = createEventLog()
  const twice = event('a', 1)
  log.add([twice])
  log.add([twice, event('a', 2)])
  expect([...log.rows.values()].map((row) => row.event.data)).toEqual([1, 2])
})

test('the oldest go when there are too many', () => {
  const log = createEventLog()
  const told: RowChange<InspectedEvent>[] = []
  log.onChanges((changes) => told.push(...changes))
  log.add(Array.from({ length: EVENTS_MAX + 2 }, (_, n) => event('a', n)))
  expect(log.rows.size).toBe(EVENTS_MAX)
  expect(told.filter(({ row }) => row === null).map(({ previous }) => previous?.n)).toEqual([1, 2])
})

test('the event before is of the same channel and type', () => {
  const log = createEventLog()
  log.add([event('a', 1), event('b', 2), event('a', 3, 'other'), event('a', 4)])
  const last = log.rows.get('4')
  expect(last && log.before(last)?.event.data).toBe(1)
  const first = log.rows.get('1')
  expect(first && log.before(first)).toBeNull()
})

test('the size is that of the JSON on the wire', () => {
  const log = createEventLog()
  log.add([event('a', 'ä')])
  expect(log.rows.get('1')?.sizeBytes).toBe(4)
})
