/** Tests of the query log's URL and of its `dig` lines. */

import { expect, test } from 'vitest'
import { digCommand } from './digCommand.ts'
import { dnsLogSearch, storedFilter } from './dnsLogSearch.ts'

test('the URL gives what it may and nothing else', () => {
  const all = { filter: 'type:A', range: '1h', group: true, entry: 17, paused: 5, other: 1 }
  expect(dnsLogSearch(all)).toEqual({
    filter: 'type:A',
    range: '1h',
    group: true,
    entry: '17',
    paused: 5,
  })
  expect(dnsLogSearch({ filter: '', range: '2h', group: 'yes', entry: '', paused: -1 })).toEqual({})
  expect(dnsLogSearch({ filter: 443 })).toEqual({ filter: '443' })
})

test('a fixed stretch counts before a range', () => {
  expect(dnsLogSearch({ range: '1h', from: 5, to: 9 })).toEqual({ from: 5, to: 9 })
})

test('the range is a term of the filter of what is stored', () => {
  expect(storedFilter({ filter: 'type:A', range: '15m' })).toBe('type:A after:15m')
  expect(storedFilter({ from: 5, to: 9 })).toBe('after:5 before:9')
  expect(storedFilter({})).toBe('')
})

test.each([
  ['www.example', '192.0.2.1:53', 'dig @192.0.2.1 www.example A'],
  ['www.example', '127.0.0.1:5335', 'dig @127.0.0.1 -p 5335 www.example A'],
  ['www.example', '[2001:db8::1]:53', 'dig @2001:db8::1 www.example A'],
  ['www.example', '0.0.0.0:53', 'dig @router.test www.example A'],
  ['www.example', undefined, 'dig @router.test www.example A'],
  ['', '192.0.2.1:53', 'dig @192.0.2.1 . A'],
  ["odd'; name", '192.0.2.1:53', "dig @192.0.2.1 'odd; name' A"],
])('%s at %s', (name, address, expected) => {
  expect(digCommand({ name, type: 'A' }, address, 'router.test')).toBe(expected)
})
