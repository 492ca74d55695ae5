/** Finds the lease of an address, for pages that know nothing but addresses. */

import { useSyncExternalStore } from 'react'
import type { Lease } from './lease.ts'
import { leaseStore } from './leaseStore.ts'

type LeasesByAddress = ReadonlyMap<string, Lease>

let byAddress: LeasesByAddress | null = null

/** Returns the leases by address; another map after every change. */
export function useLeasesByAddress(): LeasesByAddress {
  return useSyncExternalStore(subscribe, read)
}

function subscribe(listener: () => void): () => void {
  byAddress = null
  return leaseStore.onChanges(() => {
    byAddress = null
    listener()
  })
}

function read(): LeasesByAddress {
  byAddress ??= new Map(
    [...leaseStore.rows.values()].map((lease) => [lease.wire.ip_address, lease]),
  )
  return byAddress
}
