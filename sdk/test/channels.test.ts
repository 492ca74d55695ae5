/** Which channels a pattern covers, by the rules of the server. */
import { expect, test } from 'vitest'
import { matcher } from '../src/channels.js'

test.each([
  ['dhcp/leases', 'dhcp/leases', true],
  ['dhcp/leases', 'dhcp/leases/changes', false],
  ['dhcp/*', 'dhcp/leases', true],
  ['dhcp/*', 'dhcp', false],
  ['dhcp/*', 'dhcp/leases/changes', false],
  ['dns/*', 'dns/log', true],
  ['dns/*', 'dns/', false],
  ['dns/log/*', 'dns/log/', false],
  ['dns/log/*', 'dns/log/event', true],
  ['dns/log/', 'dns/log/', true],
  ['dns/log/', 'dns/log/event', false],
  ['dns/**', 'dns/log/', true],
  ['dns/**', 'dns/log/event', true],
  ['dns/**', 'dns/', true],
  ['dns/**', 'dns', false],
  ['**', 'version', true],
  ['**', 'dns/log/live/7', true],
  ['*', 'version', true],
  ['*', 'dns/log', false],
  ['*/leases', 'dhcp/leases', true],
  ['*/leases', '/leases', false],
  ['orders/*/paid', 'orders/42/paid', true],
  ['orders/*/paid', 'orders/paid', false],
])('%s on %s: %s', (pattern, channel, expected) => {
  expect(matcher(pattern)(channel)).toBe(expected)
})
