/** Tests of changed settings: where values come from, the patch, and whose refusal it is. */

import { expect, test } from 'vitest'
import type { Setting } from '../../lib/settingsQuery.ts'
import {
  dnsSettingsOf,
  draftChanges,
  forwardsText,
  patchOf,
  refusalOf,
  TAKEN_BACK,
  typedForwards,
  typedNumber,
} from './settingsDraft.ts'

function setting(key: string, value: unknown, kind = 'text'): Setting {
  return {
    key,
    kind,
    value,
    default: null,
    meaning: '',
    is_secret: false,
    is_set: value !== null,
    origin: { kind: 'file', name: null },
    variable: '',
  }
}

const settings = dnsSettingsOf(
  [
    setting('data', '/data'),
    setting('dns.threads', 0, 'number'),
    setting('dns.cache.ttl_min', '0s', 'duration'),
    setting('dns.cache.never', [], 'list'),
    setting('dns.blocked_answer', null),
    setting('dns.limits.idle_timeout', '10s', 'duration'),
  ],
  {
    threads: 2,
    cache: { ttl_min: '0s', never: [] },
    blocked_answer: 'nxdomain',
    limits: { idle_timeout: '10s' },
  },
)

test('only settings of the resolver are listed, and what was set here is known', () => {
  expect(
    settings.map(({ key, isSetHere, needsRestart }) => [key, isSetHere, needsRestart]),
  ).toEqual([
    ['threads', true, false],
    ['cache.ttl_min', false, false],
    ['cache.never', false, false],
    // The configuration says nothing, so the server's own default counts.
    ['blocked_answer', false, false],
    ['limits.idle_timeout', false, true],
  ])
})

test('a draft that differs is a change, and the patch has no more than changes', () => {
  const drafts = new Map<string, unknown>([
    ['threads', TAKEN_BACK],
    ['cache.ttl_min', '5s'],
    ['cache.never', []],
    ['blocked_answer', 'null'],
  ])
  expect(draftChanges(settings, drafts)).toEqual([
    { key: 'threads', before: 2, after: 0 },
    { key: 'cache.ttl_min', before: '0s', after: '5s' },
    { key: 'blocked_answer', before: 'nxdomain', after: 'null' },
  ])
  expect(patchOf(settings, drafts)).toEqual({
    threads: null,
    cache: { ttl_min: '5s' },
    blocked_answer: 'null',
  })
})

test('a refusal is put to the setting that it names', () => {
  const cases = [
    [
      '`dns.threads` is outside 0 to 64',
      ['threads', 'cache.ttl_min'],
      'threads',
      'is outside 0 to 64',
    ],
    [
      '`dns.cache.ttl_min`: invalid value',
      ['threads', 'cache.ttl_min'],
      'cache.ttl_min',
      'invalid value',
    ],
    ['`dns.listen[1]`: invalid socket', ['threads', 'listen'], 'listen', 'invalid socket'],
    ['`dns.forwards[0].upstreams`: bad', ['threads', 'forwards'], 'forwards', 'bad'],
    [
      '`dns.cache.ttl_max` must not be below `dns.cache.ttl_min`',
      ['threads', 'cache.ttl_min'],
      'cache.ttl_min',
      null,
    ],
    ['cannot listen on 192.0.2.1:53', ['threads', 'listen'], null, null],
    ['cannot listen on 192.0.2.1:53', ['listen'], 'listen', null],
    ['the disk refuses', ['a', 'b'], null, null],
  ] as const
  for (const [detail, changed, key, text] of cases) {
    expect(refusalOf(detail, changed), detail).toEqual({ key, text: text ?? detail })
  }
})

test('numbers that are none are left for the server to refuse', () => {
  const cases = [
    ['12', 12],
    [' 7 ', 7],
    ['1.5', 1.5],
    ['', ''],
    ['12x', '12x'],
    ['1e9', '1e9'],
  ] as const
  for (const [typed, expected] of cases) expect(typedNumber(typed), typed).toBe(expected)
})

test('tables of forwarding are written and read one a line', () => {
  const forwards = [
    { domains: ['corp.example', '2.0.192.in-addr.arpa'], upstreams: ['192.0.2.53'] },
    { domains: ['void.example'], upstreams: [] },
  ]
  const text = forwardsText(forwards)
  expect(text).toBe('corp.example 2.0.192.in-addr.arpa = 192.0.2.53\nvoid.example =')
  expect(typedForwards(text)).toEqual(forwards)
  expect(typedForwards('\n a.example,b.example=192.0.2.1, 192.0.2.2 \n')).toEqual([
    { domains: ['a.example', 'b.example'], upstreams: ['192.0.2.1', '192.0.2.2'] },
  ])
})
