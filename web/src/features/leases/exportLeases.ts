/** Hands leases to the reader as a file, in the order and with the filter of the table. */

import { csv, download } from '../../lib/csv.ts'
import type { Lease } from '../../lib/leases/lease.ts'

const HEAD = [
  'ip_address',
  'mac_address',
  'hostname',
  'expires',
  'state',
  'is_static',
  'pool_name',
  'vendor',
  'client_id',
  'source',
] as const

export function exportLeases(leases: readonly Lease[], format: 'csv' | 'json'): void {
  const name = `leases-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.${format}`
  if (format === 'json') {
    const wires = leases.map((lease) => lease.wire)
    download(name, 'application/json', `${JSON.stringify(wires, null, 2)}\n`)
    return
  }
  download(name, 'text/csv', leasesCsv(leases))
}

export function leasesCsv(leases: readonly Lease[]): string {
  const rows = leases.map(({ wire }) =>
    HEAD.map((field) => (field === 'expires' && wire.infinite ? 'never' : wire[field])),
  )
  return csv(HEAD, rows)
}
