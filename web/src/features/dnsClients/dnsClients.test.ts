/** Tests of how clients, leases and the query log find each other. */

import { expect, test } from 'vitest'
import type { DnsClient } from '../../lib/dns/ruleBook.ts'
import type { Lease } from '../../lib/leases/lease.ts'
import { makeLease } from '../../lib/leases/lease.ts'
import { leaseChoices, leasesOf, logFilterOf } from './clientLeases.ts'
import { groupDraftOf, toggled } from './groupDraft.ts'

function lease(address: string, mac: string | null, change: Partial<Lease['wire']> = {}): Lease {
  return makeLease({
    ip_address: address,
    mac_address: mac,
    hostname: null,
    lease_time: '',
    client_id: null,
    is_active: true,
    is_static: false,
    pool_name: null,
    vendor: null,
    expires: null,
    infinite: false,
    state: 'active',
    kind: 'v4',
    prefix_len: null,
    hwtype: null,
    duid: null,
    iaid: null,
    vendor_class: null,
    source: 'dnsmasq',
    is_simulated: false,
    ...change,
  })
}

function client(...addresses: readonly string[]): DnsClient {
  return { id: 1, name: 'TV', addresses: [...addresses], tags: [], group: 'default' }
}

const MAC = '02:00:00:00:00:0a'

test('a client finds its leases by hardware address and by address', () => {
  const leases = [
    lease('192.0.2.9', MAC, { is_active: false }),
    lease('192.0.2.10', MAC.toUpperCase()),
    lease('192.0.2.11', null),
    lease('192.0.2.12', '02:00:00:00:00:0b'),
  ]
  const found = leasesOf(client(MAC, '192.0.2.11'), leases)
  expect(found.map(({ wire }) => wire.ip_address)).toEqual([
    '192.0.2.10',
    '192.0.2.11',
    '192.0.2.9',
  ])
})

test('the log is filtered by addresses, for it knows no hardware addresses', () => {
  const leases = [lease('192.0.2.10', MAC)]
  expect(logFilterOf(client(MAC), leases)).toBe('client:192.0.2.10')
  expect(logFilterOf(client(MAC), [])).toBe(null)
  expect(logFilterOf(client('192.0.2.0/24', '2001:db8::1', MAC), leases)).toBe(
    'client:192.0.2.0/24,2001:db8::1,192.0.2.10',
  )
})

test('only leases that no client names yet are offered', () => {
  const leases = [
    lease('192.0.2.10', MAC),
    lease('192.0.2.12', '02:00:00:00:00:0B', { hostname: 'printer' }),
    lease('192.0.2.13', null),
    lease('192.0.2.14', '02:00:00:00:00:0c', { is_active: false }),
  ]
  expect(leaseChoices([client(MAC)], leases)).toEqual([
    {
      id: 'dnsmasq/v4/192.0.2.13',
      name: '192.0.2.13',
      address: '192.0.2.13',
      label: '192.0.2.13',
    },
    {
      id: 'dnsmasq/v4/192.0.2.12',
      name: 'printer',
      address: '02:00:00:00:00:0b',
      label: 'printer, 192.0.2.12',
    },
  ])
})

test('an entry is put in once and taken out', () => {
  expect(toggled([1, 2], 2, true)).toEqual([1, 2])
  expect(toggled([1, 2], 1, false)).toEqual([2])
  expect(groupDraftOf(null)).toMatchObject({ filtered: true, blocked_answer: null })
})
