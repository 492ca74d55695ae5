/** The DHCP servers that are watched and how they are, by the stream. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { client } from './client.ts'
import { pollWhileDown } from './polling.ts'
import { parseSources, type SourceStatus, serverStatusQuery } from './status.ts'

const NONE: readonly SourceStatus[] = []

/** Returns the sources; an event of their health renews them at once. */
export function useSources(): readonly SourceStatus[] {
  const queryClient = useQueryClient()
  const { data } = useQuery(serverStatusQuery)
  useEffect(() => {
    const stopEvents = client.subscribe('dhcp/status', (event) => {
      const sources = parseSources(event.data)
      if (sources === null) return
      queryClient.setQueryData(serverStatusQuery.queryKey, (held) => held && { ...held, sources })
    })
    const stopPolling = pollWhileDown(() =>
      queryClient.refetchQueries(serverStatusQuery, { throwOnError: true }),
    )
    return () => {
      stopEvents()
      stopPolling()
    }
  }, [queryClient])
  return data?.sources ?? NONE
}
