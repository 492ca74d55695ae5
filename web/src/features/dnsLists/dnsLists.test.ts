/** Tests of lists as they are told and typed, and of places in a text. */

import { expect, test } from 'vitest'
import type { DnsList } from '../../lib/dns/lists.ts'
import { lineRange } from './lineRange.ts'
import { draftOf, requestOf } from './listDraft.ts'
import { intervalName, NO_HITS_AFTER_MS, noHitsForMs } from './listFacts.ts'
import { listsSearch } from './listsSearch.ts'

const list: DnsList = {
  id: 1,
  name: 'Ads',
  kind: 'block',
  url: 'https://lists.example/ads.txt',
  format: 'hosts',
  on: true,
  interval_s: 7200,
  status: 'ok',
  entries: 10,
  ignored: 0,
  size_bytes: 100,
  hits: 0,
  updated_at: null,
  checked_at: null,
  next_at: null,
  error: null,
  failures: 0,
  loading_bytes: null,
}

test('a list is marked only once it could have hit something for long enough', () => {
  const now = 10 * NO_HITS_AFTER_MS
  const since = now - NO_HITS_AFTER_MS
  expect(noHitsForMs(list, since, now)).toBe(NO_HITS_AFTER_MS)
  expect(noHitsForMs(list, since + 1, now)).toBe(null)
  expect(noHitsForMs(list, null, now)).toBe(null)
  expect(noHitsForMs({ ...list, hits: 1 }, since, now)).toBe(null)
  expect(noHitsForMs({ ...list, on: false }, since, now)).toBe(null)
  expect(noHitsForMs({ ...list, entries: 0 }, since, now)).toBe(null)
})

test('a list that is edited keeps the kind of its source', () => {
  const subscribed = draftOf({ list, ignored_lines: [], text: null })
  expect(requestOf(subscribed)).toEqual({
    name: 'Ads',
    kind: 'block',
    format: 'hosts',
    url: 'https://lists.example/ads.txt',
    interval_s: 7200,
  })
  const pasted = draftOf({ list: { ...list, url: null }, ignored_lines: [], text: 'a.example\n' })
  expect(requestOf({ ...pasted, name: ' Mine ' })).toEqual({
    name: 'Mine',
    kind: 'block',
    format: 'hosts',
    text: 'a.example\n',
  })
  expect(draftOf(null).source).toBe('url')
})

test('intervals that are not usual are written, too', () => {
  expect(intervalName(86_400)).toBe('day')
  expect(intervalName(7200)).toBe('2 h')
})

test('a line is found by its number', () => {
  const text = 'one\ntwo\n\nfour'
  const cases = [
    [1, 0, 3],
    [2, 4, 7],
    [3, 8, 8],
    [4, 9, 13],
    [9, 13, 13],
  ] as const
  for (const [line, start, end] of cases) {
    expect(lineRange(text, line), `line ${line}`).toEqual({ start, end })
  }
})

test('the URL says only what it may', () => {
  expect(listsSearch({ tab: 'rules', name: 'a.example' })).toEqual({
    tab: 'rules',
    name: 'a.example',
  })
  expect(listsSearch({ tab: 'lists', name: 7 })).toEqual({})
})
