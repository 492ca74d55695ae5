/** Names of the lists that rules come from, by the numbers that the log knows them under. */

import { queryOptions, useQuery } from '@tanstack/react-query'
import { useCallback } from 'react'
import * as z from 'zod/mini'
import { getJson } from '../api.ts'
import { t } from '../i18n.ts'

/** Number of the rules of one's own, and of safe search. */
const OWN = 0
const SAFE_SEARCH = 65_535

const lists = z.object({ lists: z.array(z.object({ id: z.number(), name: z.string() })) })

const listNamesQuery = queryOptions({
  queryKey: ['dns-list-names'] as const,
  queryFn: async ({ signal }): Promise<ReadonlyMap<number, string>> => {
    const found = await getJson('/api/v1/dns/lists', (value) => lists.parse(value).lists, signal)
    return new Map(found.map(({ id, name }) => [id, name]))
  },
})

/** Returns the name of a list by its number. */
export type ListName = (list: number) => string

export function useListName(): ListName {
  const { data } = useQuery(listNamesQuery)
  return useCallback(
    (list) => {
      if (list === OWN) return t('dnsLog.list.own')
      if (list === SAFE_SEARCH) return t('dnsLog.list.safeSearch')
      return data?.get(list) ?? t('dnsLog.list.numbered', { id: String(list) })
    },
    [data],
  )
}
