/** Filtering that is off for a while: for everybody, a group or one client. */

import { queryOptions, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import * as z from 'zod/mini'
import { getJson, request } from '../api.ts'
import { client } from '../client.ts'
import { useRefetchOn } from '../refetchOn.ts'
import { type DnsPause, pause } from './dnsStatus.ts'

const pauses = z.object({ pauses: z.array(pause) })

/** Whose filtering is off. */
export type PauseScope =
  | { readonly scope: 'all' }
  | { readonly scope: 'group' | 'client'; readonly name: string }

export const pausesQuery = queryOptions({
  queryKey: ['dns', 'pauses'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/pause',
      (value): readonly DnsPause[] => pauses.parse(value).pauses,
      signal,
    ),
})

/** Follows the pauses; one that begins or ends is seen at once. */
export function usePauses(): UseQueryResult<readonly DnsPause[]> {
  const queries = useQueryClient()
  useRefetchOn('dns/rules', pausesQuery.queryKey)
  useEffect(
    () =>
      client.subscribe('dns/pauses', (event) => {
        const parsed = pauses.safeParse(event.data)
        if (parsed.success) queries.setQueryData(pausesQuery.queryKey, parsed.data.pauses)
      }),
    [queries],
  )
  return useQuery(pausesQuery)
}

/** Switches filtering off for some minutes and returns every pause. */
export async function pauseFiltering(
  who: PauseScope,
  minutes: number,
): Promise<readonly DnsPause[]> {
  const scope = who.scope === 'all' ? { all: true } : { [who.scope]: who.name }
  const response = await request('/api/v1/dns/pause', {
    method: 'POST',
    body: { minutes, ...scope },
  })
  return pauses.parse(await response.json()).pauses
}

/** Ends a pause and returns those that are left. */
export async function endPause(who: PauseScope): Promise<readonly DnsPause[]> {
  const asked = new URLSearchParams(
    who.scope === 'all' ? { all: 'true' } : { [who.scope]: who.name },
  )
  const response = await request(`/api/v1/dns/pause?${asked}`, { method: 'DELETE' })
  return pauses.parse(await response.json()).pauses
}

/** Returns whom a pause is for. */
export function scopeOf(found: DnsPause): PauseScope {
  return found.scope === 'all' || found.name === null
    ? { scope: 'all' }
    : { scope: found.scope, name: found.name }
}
