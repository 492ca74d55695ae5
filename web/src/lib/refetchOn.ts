/** Asks again for what an event says has changed, and every 15 s while the stream is down. */

import { type QueryKey, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { client } from './client.ts'
import { pollWhileDown } from './polling.ts'

/** Refetches the queries below `queryKey` after each event of a channel, and after a gap in it. */
export function useRefetchOn(channel: string, queryKey: QueryKey): void {
  const queries = useQueryClient()
  const key = useRef(queryKey)
  useEffect(() => {
    const refetch = (): Promise<void> => queries.invalidateQueries({ queryKey: key.current })
    const stopEvents = client.subscribe(channel, () => void refetch(), {
      onGap: () => void refetch(),
    })
    const stopPolling = pollWhileDown(() =>
      queries.refetchQueries(
        { queryKey: key.current, type: 'active' },
        { throwOnError: true, cancelRefetch: false },
      ),
    )
    return () => {
      stopEvents()
      stopPolling()
    }
  }, [queries, channel])
}
