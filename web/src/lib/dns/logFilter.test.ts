/** Tests of writing and taking apart filters of the query log. */

import { expect, test } from 'vitest'
import { term, termsOf, turnedRound, withoutTerm, withTerm, withTermTurned } from './logFilter.ts'

test.each([
  ['client', '192.0.2.7', 'client:192.0.2.7'],
  ['client', '2001:db8::1', 'client:2001:db8::1'],
  ['name', '=www.example', 'name:=www.example'],
  ['name', '=odd name', 'name:="odd name"'],
  ['upstream', 'tls://dns.example#192.0.2.1', 'upstream:"tls://dns.example#192.0.2.1"'],
  ['rule', '||ads.example^', 'rule:"||ads.example^"'],
])('%s of %s is %s', (key, value, expected) => {
  expect(term(key, value)).toBe(expected)
})

test('quotation marks hold a term together, also one that is not closed', () => {
  expect(termsOf('type:A  -"two words" name:"a b')).toEqual(['type:A', '-"two words"', 'name:"a b'])
  expect(termsOf('  ')).toEqual([])
})

test('a term is added once, in place of its opposite, turned round and taken away', () => {
  expect(withTerm('type:A', 'client:192.0.2.7')).toBe('type:A client:192.0.2.7')
  expect(withTerm('type:A', 'type:A')).toBe('type:A')
  expect(withTerm('-type:A x', 'type:A')).toBe('x type:A')
  expect(withTermTurned('a b', 'b')).toBe('a -b')
  expect(withoutTerm('a b c', 'b')).toBe('a c')
  expect(turnedRound('-a')).toBe('a')
})
