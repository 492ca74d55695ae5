/** Lists of rules that are subscribed to or pasted, followed live while they load. */

import { queryOptions, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import * as z from 'zod/mini'
import { getJson, request } from '../api.ts'
import { client } from '../client.ts'
import { pollWhileDown } from '../polling.ts'

/** Hits are not worth an event, so they are asked for. */
const REFRESH_MS = 10_000

const list = z.object({
  id: z.number(),
  name: z.string(),
  kind: z.enum(['block', 'allow']),
  url: z.nullable(z.string()),
  format: z.string(),
  on: z.boolean(),
  interval_s: z.number(),
  status: z.string(),
  entries: z.number(),
  ignored: z.number(),
  size_bytes: z.number(),
  hits: z.number(),
  updated_at: z.nullable(z.string()),
  checked_at: z.nullable(z.string()),
  next_at: z.nullable(z.string()),
  error: z.nullable(z.object({ text: z.string(), at: z.string() })),
  failures: z.number(),
  loading_bytes: z.nullable(z.number()),
})

const lists = z.object({ lists: z.array(list), names: z.number() })

const ignoredLine = z.object({ line: z.number(), text: z.string(), why: z.string() })

const detail = z.object({
  list,
  ignored_lines: z.array(ignoredLine),
  text: z.nullable(z.string()),
})

export type DnsList = z.infer<typeof list>
export type DnsLists = z.infer<typeof lists>
export type DnsListDetail = z.infer<typeof detail>

/** A line that is no rule, and why. */
export type IgnoredLine = z.infer<typeof ignoredLine>

export const ignoredLines = z.array(ignoredLine)

/** What a list is made or changed by. */
export interface ListRequest {
  readonly name: string
  readonly kind: 'block' | 'allow'
  readonly format: string
  readonly url?: string
  readonly text?: string
  readonly on?: boolean
  readonly interval_s?: number
}

export const listsQuery = queryOptions({
  queryKey: ['dns', 'lists'] as const,
  queryFn: ({ signal }) => getJson('/api/v1/dns/lists', (value) => lists.parse(value), signal),
  refetchInterval: REFRESH_MS,
})

/** Follows the lists; the stream brings every change of one, also how much of it has come. */
export function useLists(): UseQueryResult<DnsLists> {
  const queries = useQueryClient()
  useEffect(() => {
    const stopEvents = client.subscribe('dns/lists', (event) => {
      const parsed = lists.safeParse(event.data)
      if (parsed.success) queries.setQueryData(listsQuery.queryKey, parsed.data)
    })
    const stopPolling = pollWhileDown(() =>
      queries.refetchQueries(listsQuery, { throwOnError: true }),
    )
    return () => {
      stopEvents()
      stopPolling()
    }
  }, [queries])
  return useQuery(listsQuery)
}

export function listDetailQuery(id: number) {
  return queryOptions({
    queryKey: ['dns', 'list', id] as const,
    queryFn: ({ signal }) =>
      getJson(`/api/v1/dns/lists/${id}`, (value) => detail.parse(value), signal),
    staleTime: 0,
  })
}

export async function addList(body: ListRequest): Promise<DnsList> {
  const response = await request('/api/v1/dns/lists', { method: 'POST', body })
  return list.parse(await response.json())
}

export async function changeList(id: number, body: Partial<ListRequest>): Promise<DnsList> {
  const response = await request(`/api/v1/dns/lists/${id}`, { method: 'PATCH', body })
  return list.parse(await response.json())
}

/** Removes a list and returns what it takes to add it again. */
export async function removeList(id: number): Promise<ListRequest> {
  const { text } = await getJson(`/api/v1/dns/lists/${id}`, (value) => detail.parse(value))
  const response = await request(`/api/v1/dns/lists/${id}`, { method: 'DELETE' })
  const { name, kind, format, url, on, interval_s } = list.parse(await response.json())
  const source = url === null ? { text: text ?? '' } : { url }
  return { name, kind, format, on, interval_s, ...source }
}

/** Asks for a list now; `force` takes it also when it has shrunk a lot. */
export async function refreshList(id: number, force: 'force' | 'careful'): Promise<void> {
  const body = force === 'force' ? { force: true } : {}
  await request(`/api/v1/dns/lists/${id}/refresh`, { method: 'POST', body })
}
