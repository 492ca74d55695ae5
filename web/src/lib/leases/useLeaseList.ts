/** The leases as a list that is renewed at most once a second: for figures over all of them. */

import { useEffect, useState } from 'react'
import type { Lease } from './lease.ts'
import { leaseStore } from './leaseStore.ts'

const RENEW_MS = 1000

export function useLeaseList(): readonly Lease[] {
  const [leases, setLeases] = useState<readonly Lease[]>(() => [...leaseStore.rows.values()])
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const renew = (): void => {
      timer = undefined
      setLeases([...leaseStore.rows.values()])
    }
    renew()
    const stop = leaseStore.onChanges(() => {
      timer ??= setTimeout(renew, RENEW_MS)
    })
    return () => {
      stop()
      clearTimeout(timer)
    }
  }, [])
  return leases
}
