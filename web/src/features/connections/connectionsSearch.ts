/** What of the connections page stands in its URL. */

import { parseTableSort, type TableSort } from '../../lib/tableSort.ts'

export const CONNECTION_FIELDS = [
  'id',
  'address',
  'opened',
  'lag',
  'delivered',
  'bytes',
  'dropped',
  'resets',
] as const

export type ConnectionField = (typeof CONNECTION_FIELDS)[number]

export interface ConnectionsSearch {
  readonly q?: string
  /** `field.asc` or `field.desc`. */
  readonly sort?: string
}

/** Slow consumers stand on top. */
const DEFAULT_SORT: TableSort<ConnectionField> = { field: 'lag', direction: 'desc' }

export function connectionsSearch(search: Record<string, unknown>): ConnectionsSearch {
  const { q, sort } = search
  return {
    ...(typeof q === 'string' && q ? { q } : {}),
    ...(typeof sort === 'string' && parseTableSort(sort, CONNECTION_FIELDS) ? { sort } : {}),
  }
}

export function connectionSort(search: ConnectionsSearch): TableSort<ConnectionField> {
  return parseTableSort(search.sort, CONNECTION_FIELDS) ?? DEFAULT_SORT
}
