/** Small functions of the library, case by case. */

import type { ConnectionSnapshot } from 'tidings'
import { describe, expect, test, vi } from 'vitest'
import { csv, csvCell } from './csv.ts'
import { formatBytes, formatDuration, formatPercent, formatRemaining } from './format.ts'
import { translate } from './i18n.ts'
import { watchNotice } from './notice.ts'
import { toneOf } from './tone.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

test.each([
  ['days and hours', 52 * HOUR, '2d 4h'],
  ['exactly a day', 24 * HOUR, '1d 0h'],
  ['hours and minutes', 3 * HOUR + 20 * MINUTE, '3h 20m'],
  ['minutes', 12 * MINUTE + 59_000, '12m'],
  ['less than a minute', 59_000, '0m'],
  ['past', 0, 'Expired'],
])('remaining: %s', (_name, left, expected) => {
  expect(formatRemaining(1_000 + left, 1_000)).toBe(expected)
})

test('a lease without end never ends', () => {
  expect(formatRemaining(null, 0)).toBe('Never')
})

test.each([
  [7_400, '7 s'],
  [3 * MINUTE, '3 min'],
  [2 * HOUR, '2 h'],
  [72 * HOUR, '3 d'],
  [-5, '0 s'],
])('duration of %i ms', (ms, expected) => {
  expect(formatDuration(ms)).toBe(expected)
})

test('sizes and shares', () => {
  expect(formatBytes(999)).toBe('999 B')
  expect(formatBytes(1_900_000)).toBe('1.9 MB')
  expect(formatPercent(82.9)).toBe('82 %')
  expect(formatPercent(9.68)).toBe('9.7 %')
  expect(formatPercent(0)).toBe('0 %')
})

describe('csv', () => {
  test.each([
    ['plain', 'printer', 'printer'],
    ['nothing', null, ''],
    ['number', -4, '-4'],
    ['quote and comma', 'a "b", c', '"a ""b"", c"'],
    ['line end', 'a\nb', '"a\nb"'],
    ['formula', '=HYPERLINK("http://example.org")', `"'=HYPERLINK(""http://example.org"")"`],
    ['plus', '+1', "'+1"],
    ['minus', '-1+2', "'-1+2"],
    ['at', '@SUM(A1)', "'@SUM(A1)"],
    ['tab', '\t=1', "'\t=1"],
  ])('%s', (_name, value, expected) => {
    expect(csvCell(value)).toBe(expected)
  })

  test('rows end as the RFC says', () => {
    expect(csv(['a', 'b'], [[1, true]])).toBe('a,b\r\n1,true\r\n')
  })
})

test('messages take numbers, forms and longer languages', () => {
  expect(translate('en', 'leases.count', { n: 1 })).toBe('1 lease')
  expect(translate('en', 'leases.count', { n: 0 })).toBe('0 leases')
  const pseudo = translate('pseudo', 'leases.count', { n: 2 })
  expect(pseudo).toMatch(/^\[2 l/)
  expect(pseudo.length).toBeGreaterThan('2 leases'.length * 1.4)
})

const base: ConnectionSnapshot = {
  status: 'open',
  since: 0,
  downSince: null,
  everConnected: true,
  ready: true,
  stale: false,
  attempt: 0,
  nextRetryAt: null,
  connectionId: null,
  recovered: null,
  serverVersion: null,
  heartbeatMs: null,
  error: null,
  reason: null,
}

test.each([
  ['open', base, 0, 'live'],
  ['heartbeat late', { ...base, stale: true }, 0, 'connecting'],
  ['first try', { ...base, status: 'connecting', everConnected: false }, 0, 'connecting'],
  ['just lost', { ...base, status: 'reconnecting', downSince: 1000 }, 1000, 'connecting'],
  ['down 9.9 s', { ...base, status: 'reconnecting', downSince: 0 }, 9_900, 'connecting'],
  ['down 10 s', { ...base, status: 'reconnecting', downSince: 0 }, 10_000, 'disconnected'],
  ['offline', { ...base, status: 'offline', downSince: 0 }, 10_000, 'disconnected'],
  ['closed', { ...base, status: 'closed' }, 0, 'disconnected'],
] as const)('label: %s', (_name, connection, nowMs, expected) => {
  expect(toneOf(connection, nowMs)).toBe(expected)
})

describe('notice of a lost connection', () => {
  function watched() {
    let tell: ((connection: ConnectionSnapshot) => void) | undefined
    const show = vi.fn()
    const client = {
      onConnectionChange: (
        listener: (now: ConnectionSnapshot, before: ConnectionSnapshot) => void,
      ) => {
        tell = (connection) => listener(connection, connection)
        return () => undefined
      },
    }
    watchNotice(client, 1000, show)
    return { show, tell: (patch: Partial<ConnectionSnapshot>) => tell?.({ ...base, ...patch }) }
  }

  test('a blip within the grace says nothing', () => {
    vi.useFakeTimers()
    const { show, tell } = watched()
    tell({ status: 'reconnecting', downSince: 0 })
    vi.advanceTimersByTime(999)
    tell({ status: 'open' })
    vi.advanceTimersByTime(5000)
    expect(show).not.toHaveBeenCalled()
    vi.useRealTimers()
  })

  test('a loss says so once, and the return says how it went', () => {
    vi.useFakeTimers()
    const { show, tell } = watched()
    tell({ status: 'reconnecting', downSince: 1000 })
    vi.advanceTimersByTime(500)
    tell({ status: 'reconnecting', downSince: 1000, attempt: 2 })
    vi.advanceTimersByTime(500)
    tell({ status: 'offline', downSince: 1000 })
    vi.advanceTimersByTime(5000)
    expect(show.mock.calls).toEqual([[{ kind: 'lost' }]])
    tell({ status: 'open', since: 8000, recovered: true })
    expect(show).toHaveBeenLastCalledWith({ kind: 'restored', awayMs: 7000, isReplayed: true })
    vi.useRealTimers()
  })

  test('a page that was never connected has lost nothing', () => {
    vi.useFakeTimers()
    const { show, tell } = watched()
    tell({ status: 'connecting', everConnected: false, downSince: 0 })
    vi.advanceTimersByTime(60_000)
    expect(show).not.toHaveBeenCalled()
    vi.useRealTimers()
  })
})
