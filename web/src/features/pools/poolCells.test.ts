/** What the strip of a pool shows of each address. */

import { expect, test } from 'vitest'
import { makeLease, type WireLease } from '../../lib/leases/lease.ts'
import type { PoolUsage } from '../../lib/leases/pools.ts'
import { poolCells, v4Number, v4Text } from './poolCells.ts'

const pool: PoolUsage = {
  pool_name: 'lan',
  start_ip: '192.0.2.10',
  end_ip: '192.0.2.14',
  netmask: '255.255.255.0',
  lease_duration: 3600,
  total_addresses: 5,
  mode: 'dynamic',
  family: 4,
  source: 'home',
  note: null,
  used_addresses: 2,
  available_addresses: 3,
  usage_percentage: 40,
}

function lease(address: string, patch: Partial<WireLease> = {}) {
  return makeLease({
    ip_address: address,
    lease_time: '2030-01-01T00:00:00Z',
    is_active: true,
    is_static: false,
    infinite: false,
    state: 'active',
    kind: 'v4',
    source: 'home',
    is_simulated: false,
    ...patch,
  })
}

test('each address has its kind, and the next free one is the lowest', () => {
  const cells = poolCells(pool, [
    lease('192.0.2.10'),
    lease('192.0.2.11', { is_static: true }),
    lease('192.0.2.13', { is_active: false, state: 'expired' }),
    lease('192.0.2.14', { state: 'declined' }),
    lease('192.0.2.15'),
    lease('192.0.2.12', { source: 'other' }),
  ])
  expect(cells?.kinds).toEqual(['leased', 'reserved', 'free', 'expired', 'other'])
  expect(cells?.counts).toEqual({ leased: 1, reserved: 1, free: 1, expired: 1, other: 1 })
  expect(cells?.nextFree).toBe('192.0.2.12')
})

test('a large range has several addresses in a cell', () => {
  const wide = { ...pool, start_ip: '198.18.0.0', end_ip: '198.19.255.255' }
  const cells = poolCells(wide, [lease('198.18.0.3')])
  expect(cells?.addressesPerCell).toBe(128)
  expect(cells?.kinds).toHaveLength(1024)
  expect(cells?.kinds[0]).toBe('leased')
})

test('what is no IPv4 range is not drawn', () => {
  expect(poolCells({ ...pool, start_ip: '2001:db8::1', end_ip: '2001:db8::9' }, [])).toBeNull()
  expect(poolCells({ ...pool, end_ip: null }, [])).toBeNull()
})

test('addresses are numbers and back', () => {
  expect(v4Text(v4Number('255.0.2.9') ?? 0)).toBe('255.0.2.9')
  expect(v4Number('192.0.2.256')).toBeNull()
  expect(v4Number('192.0.2')).toBeNull()
})
