/** Tests of the comparison of texts. */

import { expect, test } from 'vitest'
import { lineDiff } from './lineDiff.ts'

const SIGNS = { same: ' ', removed: '-', added: '+' } as const

function shown(before: string, after: string): string[] {
  return lineDiff(before, after).map(({ kind, text }) => `${SIGNS[kind]}${text}`)
}

test.each([
  ['the same', 'a\nb', 'a\nb', [' a', ' b']],
  ['a changed line', 'a\nb\nc', 'a\nx\nc', [' a', '-b', '+x', ' c']],
  ['more', 'a', 'a\nb', [' a', '+b']],
  ['less', 'a\nb', 'b', ['-a', ' b']],
  ['nothing alike', 'a', 'b', ['-a', '+b']],
])('%s', (_, before, after, expected) => {
  expect(shown(before, after)).toEqual(expected)
})
