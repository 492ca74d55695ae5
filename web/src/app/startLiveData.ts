/** Starts what lives as long as the page: the leases, and asking while the stream is down. */

import { leaseStore } from '../lib/leases/leaseStore.ts'
import { startPolling } from '../lib/polling.ts'

export function startLiveData(): void {
  leaseStore.start()
  startPolling()
}
