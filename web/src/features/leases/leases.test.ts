/** What the lease page keeps in its URL, how it filters and what it hands out. */

import { beforeEach, describe, expect, test } from 'vitest'
import { makeLease, type WireLease } from '../../lib/leases/lease.ts'
import { arrangeLeases, leaseFilter } from './arrangeLeases.ts'
import { dhcpHostLine } from './dhcpHostLine.ts'
import { leasesCsv } from './exportLeases.ts'
import { leasesSearch, nextSort, sortInForce, sortText, storeSort } from './leasesSearch.ts'

const wire: WireLease = {
  ip_address: '192.0.2.14',
  mac_address: '02:00:00:00:0a:14',
  hostname: 'Printer-2',
  lease_time: '2030-01-01T00:00:00Z',
  expires: '2030-01-01T00:00:00Z',
  client_id: null,
  is_active: true,
  is_static: false,
  pool_name: 'lan',
  vendor: 'Example Works',
  infinite: false,
  state: 'active',
  kind: 'v4',
  prefix_len: null,
  hwtype: 1,
  duid: null,
  iaid: null,
  vendor_class: null,
  source: 'home',
  is_simulated: false,
}

function lease(patch: Partial<WireLease> = {}) {
  return makeLease({ ...wire, ...patch })
}

describe('URL', () => {
  test('keeps what it may say and leaves the rest aside', () => {
    const search = { q: 'tv', is: ['static', 'nonsense'], sort: 'vendor.desc', evil: 1, pool: 7 }
    expect(leasesSearch(search)).toEqual({
      q: 'tv',
      is: ['static'],
      sort: 'vendor.desc',
      pool: '7',
    })
  })

  test.each([
    ['unknown sort', { sort: 'colour.asc' }],
    ['broken sort', { sort: 'vendor' }],
    ['empty text', { q: '' }],
    ['wrong kinds', { q: {}, is: 4, cols: null, paused: 'now' }],
  ])('%s counts as nothing', (_name, search) => {
    expect(leasesSearch(search)).toEqual({})
  })

  test('a very long search is cut', () => {
    expect(leasesSearch({ q: 'x'.repeat(5000) }).q).toHaveLength(256)
  })
})

describe('order', () => {
  beforeEach(() => localStorage.clear())

  test('is the latest end first until somebody chooses', () => {
    expect(sortInForce({})).toEqual({ field: 'lease_time', direction: 'desc' })
  })

  test('the URL wins over what was chosen last', () => {
    storeSort({ field: 'vendor', direction: 'asc' })
    expect(sortInForce({})).toEqual({ field: 'vendor', direction: 'asc' })
    expect(sortInForce({ sort: 'hostname.desc' })).toEqual({ field: 'hostname', direction: 'desc' })
    expect(sortInForce({ sort: 'none' })).toBeNull()
  })

  test('reads what earlier pages stored, and nothing worse', () => {
    const key = 'dhcp-lease-sort-config'
    localStorage.setItem(key, '{"field":"mac_address","direction":"desc"}')
    expect(sortInForce({})).toEqual({ field: 'mac_address', direction: 'desc' })
    for (const broken of ['{', '5', '{"field":"x","direction":"asc"}']) {
      localStorage.setItem(key, broken)
      expect(sortInForce({})).toEqual({ field: 'lease_time', direction: 'desc' })
    }
  })

  test('goes through ascending, descending and none', () => {
    const first = nextSort({ field: 'lease_time', direction: 'desc' }, 'vendor')
    expect(first).toEqual({ field: 'vendor', direction: 'asc' })
    const second = nextSort(first, 'vendor')
    expect(second).toEqual({ field: 'vendor', direction: 'desc' })
    expect(nextSort(second, 'vendor')).toBeNull()
    expect(sortText(null)).toBe('none')
    expect(nextSort(null, 'nonsense')).toBeNull()
  })

  test('a lease without end stands after every other, one of unknown end last', () => {
    const { key } = arrangeLeases({}, { field: 'lease_time', direction: 'asc' })
    const endless = key(lease({ infinite: true, expires: null }))
    expect(endless).toBeGreaterThan(key(lease()) as number)
    expect(key(lease({ infinite: false, expires: null }))).toBeNull()
  })
})

describe('filter', () => {
  test.each([
    ['address', { q: '2.14' }, true],
    ['hardware address in any case', { q: '0A:14' }, true],
    ['name in any case, trimmed', { q: '  printer ' }, true],
    ['vendor', { q: 'works' }, true],
    ['status', { q: 'active' }, true],
    ['nothing like it', { q: 'toaster' }, false],
    ['pool', { pool: 'iot' }, false],
    ['one of the facets', { is: ['static', 'active'] }, true],
    ['none of the facets', { is: ['expired', 'unnamed'] }, false],
    ['all parts must match', { q: 'printer', pool: 'iot' }, false],
  ] as const)('%s', (_name, search, expected) => {
    expect(leaseFilter(search)?.(lease())).toBe(expected)
  })

  test('without anything asked there is no filter', () => {
    expect(leaseFilter({})).toBeNull()
    expect(leaseFilter({ q: '   ' })).toBeNull()
  })
})

describe('dhcp-host line', () => {
  test.each([
    ['plain', {}, 'dhcp-host=02:00:00:00:0a:14,192.0.2.14,Printer-2'],
    ['without name', { hostname: null }, 'dhcp-host=02:00:00:00:0a:14,192.0.2.14'],
    [
      'name that would break the line',
      { hostname: 'a,b' },
      'dhcp-host=02:00:00:00:0a:14,192.0.2.14',
    ],
    [
      'client id',
      { mac_address: null, client_id: '01:02' },
      'dhcp-host=id:01:02,192.0.2.14,Printer-2',
    ],
    ['nothing to know it by', { mac_address: null }, null],
    [
      'IPv6',
      { kind: 'na', ip_address: '2001:db8::5', duid: '00:01' },
      'dhcp-host=id:00:01,[2001:db8::5],Printer-2',
    ],
  ] as const)('%s', (_name, patch, expected) => {
    expect(dhcpHostLine(lease(patch))).toBe(expected)
  })
})

test('a name that is a formula is exported as text', () => {
  const text = leasesCsv([lease({ hostname: '=1+1', infinite: true })])
  const [head, row] = text.split('\r\n')
  expect(head).toBe(
    'ip_address,mac_address,hostname,expires,state,is_static,pool_name,vendor,client_id,source',
  )
  expect(row).toBe("192.0.2.14,02:00:00:00:0a:14,'=1+1,never,active,false,lan,Example Works,,home")
})
