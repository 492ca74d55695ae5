/** Tests of how settings are written. */

import { expect, test } from 'vitest'
import type { Setting } from './settingsQuery.ts'
import { settingsToml, tomlValue } from './settingText.ts'

function setting(key: string, change: Partial<Setting>): Setting {
  return {
    key,
    kind: 'text',
    value: null,
    default: null,
    meaning: '',
    is_secret: false,
    is_set: true,
    origin: { kind: 'file', name: '/etc/tidings/tidings.toml' },
    variable: '',
    ...change,
  }
}

test.each([
  ['10s', '"10s"'],
  ['a "b"\\', '"a \\"b\\"\\\\"'],
  [7, '7'],
  [false, 'false'],
  [['a', 'b'], '["a", "b"]'],
  [[{ id: 'x', pools: ['y'], conf: null }], '[{ id = "x", pools = ["y"] }]'],
])('%j', (value, expected) => {
  expect(tomlValue(value)).toBe(expected)
})

test('a file has sections, and no secret', () => {
  const toml = settingsToml([
    setting('data', { value: 'kept' }),
    setting('http.notify_secret', { is_secret: true }),
    setting('http.sockets_max', { value: 5, origin: { kind: 'default', name: null } }),
    setting('dhcp.simulate.enabled', { value: true }),
    setting('dhcp.oui_file', { is_set: false }),
  ])
  expect(toml).toBe(
    'data = "kept"\n\n[http]\n# notify_secret is set\n# sockets_max = 5\n\n' +
      '[dhcp.simulate]\nenabled = true\n\n[dhcp]\n',
  )
})
