/** The leases of the network as this page has them. */

import { getVersioned } from '../api.ts'
import { client } from '../client.ts'
import { pollWhileDown } from '../polling.ts'
import { createLeaseStore, type LeaseStore } from './createLeaseStore.ts'
import { parseLeases } from './lease.ts'

export const leaseStore: LeaseStore = createLeaseStore({
  client,
  fetchLeases: (etag) => getVersioned('/api/v1/leases', parseLeases, etag),
  pollWhileDown,
})
