/** What of the channels page stands in its URL. */

import { parseTableSort, type TableSort } from '../../lib/tableSort.ts'

export const CHANNEL_FIELDS = [
  'name',
  'class',
  'subscribers',
  'rate',
  'bytesRate',
  'bytes',
  'published',
  'held',
  'touched',
] as const

export type ChannelField = (typeof CHANNEL_FIELDS)[number]

export interface ChannelsSearch {
  readonly q?: string
  /** `field.asc` or `field.desc`. */
  readonly sort?: string
  readonly view?: 'tree'
}

const DEFAULT_SORT: TableSort<ChannelField> = { field: 'rate', direction: 'desc' }

export function channelsSearch(search: Record<string, unknown>): ChannelsSearch {
  const { q, sort, view } = search
  return {
    ...(typeof q === 'string' && q ? { q } : {}),
    ...(typeof sort === 'string' && parseTableSort(sort, CHANNEL_FIELDS) ? { sort } : {}),
    ...(view === 'tree' ? { view } : {}),
  }
}

export function channelSort(search: ChannelsSearch): TableSort<ChannelField> {
  return parseTableSort(search.sort, CHANNEL_FIELDS) ?? DEFAULT_SORT
}
