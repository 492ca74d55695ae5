/** Tests of where settings stand. */

import { expect, test } from 'vitest'
import { sectionOf, sectionsOf } from './settingSections.ts'
import type { DnsSetting } from './settingsDraft.ts'

function setting(key: string, meaning = ''): DnsSetting {
  return {
    key,
    kind: 'text',
    meaning,
    value: null,
    base: null,
    origin: { kind: 'default', name: null },
    isSetHere: false,
    needsRestart: false,
  }
}

test('every setting has a section, also one that this page does not know', () => {
  const cases = [
    ['listen_tls', 'listening'],
    ['rate.burst', 'listening'],
    ['forwards', 'upstream'],
    ['blocked_ttl', 'blocking'],
    ['cache.never', 'cache'],
    ['something.new', 'other'],
  ] as const
  for (const [key, section] of cases) expect(sectionOf(key), key).toBe(section)
})

test('settings are found by name and meaning; what has a page of its own is left out', () => {
  const settings = [
    setting('cache.ttl_min', 'Shortest time'),
    setting('log.privacy', 'How much is kept'),
    setting('local.rewrites'),
  ]
  expect(sectionsOf(settings, '').map(([section]) => section)).toEqual(['cache', 'log'])
  expect(sectionsOf(settings, 'SHORTEST').map(([section]) => section)).toEqual(['cache'])
  expect(sectionsOf(settings, 'rewrites')).toEqual([])
})
