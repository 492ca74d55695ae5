/** Has something loaded again when leases change, at most every two seconds, or while down. */

import { pollWhileDown } from '../polling.ts'
import { leaseStore } from './leaseStore.ts'

/** Most often that changes have something loaded again. */
const REFRESH_MS = 2000

/** Calls `refresh` after changes of the leases; returns how to stop. */
export function followLeases(refresh: () => Promise<unknown>): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const stopChanges = leaseStore.onChanges(() => {
    timer ??= setTimeout(() => {
      timer = undefined
      // What failed is tried again with the next change; the old figures stay.
      refresh().catch(() => undefined)
    }, REFRESH_MS)
  })
  const stopPolling = pollWhileDown(refresh)
  return () => {
    stopChanges()
    stopPolling()
    clearTimeout(timer)
  }
}
