/** Tests of reading figures. */

import { expect, test } from 'vitest'
import { parseMetrics } from './parseMetrics.ts'

test.each([
  ['no labels', 'a 1', [{ name: 'a', labels: {}, value: 1 }]],
  ['empty labels', 'a{} 1.5', [{ name: 'a', labels: {}, value: 1.5 }]],
  ['labels', 'a{b="x",c="y"} 2', [{ name: 'a', labels: { b: 'x', c: 'y' }, value: 2 }]],
  ['escapes', 'a{b="x\\"\\\\,}"} 2', [{ name: 'a', labels: { b: 'x"\\,}' }, value: 2 }]],
  ['bound', 'a_bucket{le="+Inf"} 2', [{ name: 'a_bucket', labels: { le: '+Inf' }, value: 2 }]],
  ['infinite', 'a +Inf', [{ name: 'a', labels: {}, value: Number.POSITIVE_INFINITY }]],
  ['comment', '# HELP a b 1\n# EOF', []],
  ['no number', 'a NaN\nb x\nc', []],
])('%s', (_, text, expected) => {
  expect(parseMetrics(text)).toEqual(expected)
})
