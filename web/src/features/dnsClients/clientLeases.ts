/** Finds the leases of a client, and the filter of the query log that shows what it asked. */

import type { DnsClient } from '../../lib/dns/ruleBook.ts'
import type { Lease } from '../../lib/leases/lease.ts'

/** Addresses that one filter names; a client with more is followed by the first. */
const FILTER_ADDRESSES_MAX = 20

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** Returns the leases whose hardware address or address a client names, those that count first. */
export function leasesOf(client: DnsClient, leases: readonly Lease[]): readonly Lease[] {
  const named = new Set(client.addresses.map((address) => address.toLowerCase()))
  return leases
    .filter(
      ({ wire }) =>
        named.has(wire.mac_address?.toLowerCase() ?? '') ||
        named.has(wire.ip_address.toLowerCase()),
    )
    .sort((left, right) => Number(right.wire.is_active) - Number(left.wire.is_active))
}

/** Returns the filter of what a client asked; null when no address of it is known. */
export function logFilterOf(client: DnsClient, leases: readonly Lease[]): string | null {
  const own = client.addresses.filter((address) => !MAC.test(address))
  const leased = leasesOf(client, leases).map(({ wire }) => wire.ip_address)
  const addresses = [...new Set([...own, ...leased])].slice(0, FILTER_ADDRESSES_MAX)
  return addresses.length === 0 ? null : `client:${addresses.join(',')}`
}

/** A lease that can become a client. */
export interface LeaseChoice {
  readonly id: string
  readonly name: string
  /** Hardware address, else the address itself. */
  readonly address: string
  readonly label: string
}

/** Returns the leases that no client names yet, by name. */
export function leaseChoices(
  clients: readonly DnsClient[],
  leases: readonly Lease[],
): readonly LeaseChoice[] {
  const taken = new Set(
    clients.flatMap(({ addresses }) => addresses.map((one) => one.toLowerCase())),
  )
  return leases
    .filter(
      ({ wire }) =>
        wire.is_active &&
        !taken.has(wire.mac_address?.toLowerCase() ?? '') &&
        !taken.has(wire.ip_address.toLowerCase()),
    )
    .map(({ id, wire }) => ({
      id,
      name: wire.hostname ?? wire.ip_address,
      address: wire.mac_address?.toLowerCase() ?? wire.ip_address,
      label: wire.hostname ? `${wire.hostname}, ${wire.ip_address}` : wire.ip_address,
    }))
    .sort((left, right) => left.label.localeCompare(right.label))
}
