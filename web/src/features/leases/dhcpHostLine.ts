/** Writes the line that reserves a lease's address in dnsmasq's configuration. */

import type { Lease } from '../../lib/leases/lease.ts'

/** Names that dnsmasq takes in `dhcp-host`: letters, digits, hyphens and dots. */
const NAME = /^[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

/**
 * Returns `dhcp-host=MAC,ADDRESS,NAME`, or null when the lease has nothing to know its client by.
 *
 * IPv6 clients are known by their DUID, and their addresses stand in brackets (dnsmasq(8)).
 */
export function dhcpHostLine({ wire }: Lease): string | null {
  const name = wire.hostname && NAME.test(wire.hostname) ? [wire.hostname] : []
  if (wire.kind === 'v4') {
    const client = wire.mac_address ?? (wire.client_id ? `id:${wire.client_id}` : null)
    return client && `dhcp-host=${[client, wire.ip_address, ...name].join(',')}`
  }
  if (!wire.duid) return null
  return `dhcp-host=${[`id:${wire.duid}`, `[${wire.ip_address}]`, ...name].join(',')}`
}
