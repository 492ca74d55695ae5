/** Tests of what counts as a channel or a pattern. */

import { expect, test } from 'vitest'
import { isChannelName, isChannelPattern, parsePatterns } from './channelPattern.ts'

test.each([
  ['dhcp/leases', true, true],
  ['dns/log/', true, true],
  ['a', true, true],
  ['dns/**', false, true],
  ['**', false, true],
  ['*/a', false, true],
  ['dns/**/a', false, false],
  ['a*', false, false],
  ['', false, false],
  ['/', false, false],
  ['/a', false, false],
  ['a//b', false, false],
  ['a b', false, false],
  ['a,b', false, false],
  ['a?b', false, false],
  ['ä', false, false],
  ['a/b/c/d/e/f/g/h', true, true],
  ['a/b/c/d/e/f/g/h/i', false, false],
  ['a'.repeat(256), true, true],
  ['a'.repeat(257), false, false],
])('%s', (text, isName, isPattern) => {
  expect(isChannelName(text)).toBe(isName)
  expect(isChannelPattern(text)).toBe(isPattern)
})

test('a list is taken whole or not at all', () => {
  expect(parsePatterns(' a, b/** ,a ')).toEqual(['a', 'b/**'])
  expect(parsePatterns('a, b c')).toBeNull()
  expect(parsePatterns(' , ')).toBeNull()
})
