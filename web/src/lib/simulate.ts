/** Made-up changes: whether they are shown, asking for one, and switching them on and off. */

import { useQuery } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { request } from './api.ts'
import { leaseStore } from './leases/leaseStore.ts'
import { queryClient } from './queryClient.ts'
import { serverStatusQuery } from './status.ts'

let nSimulated = 0
const listeners = new Set<() => void>()

leaseStore.onChanges((changes) => {
  const before = nSimulated > 0
  for (const { row, previous } of changes) {
    nSimulated +=
      Number(row?.wire.is_simulated ?? false) - Number(previous?.wire.is_simulated ?? false)
  }
  if (before === nSimulated > 0) return
  for (const listener of listeners) listener()
})

/** Returns whether changes are made up, or any lease that is shown was. */
export function useIsDemo(): boolean {
  const { data } = useQuery(serverStatusQuery)
  const hasSimulated = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => nSimulated > 0,
  )
  return hasSimulated || data?.demo === true
}

/** Has the simulator make one change; the stream tells what it was. */
export async function simulateChange(): Promise<void> {
  await request('/api/v1/simulate', { method: 'POST' })
}

/** Switches made-up changes, until the server reads its configuration again. */
export async function switchDemo(enabled: boolean): Promise<void> {
  await request('/api/v1/demo', { method: 'PUT', body: { enabled } })
  await queryClient.invalidateQueries()
  await leaseStore.load()
}
