/** The channels as rows of a table, with the bytes per second since the last look. */

import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { type ChannelOrder, type ChannelRow, channelsQuery } from '../../lib/hubChannels.ts'
import { createPolledRows, type PolledRows } from '../../lib/live/polledRows.ts'

export interface Channel extends ChannelRow {
  /** Payload bytes per second, between the last two looks. */
  readonly bytesRate: number
}

export interface Channels {
  readonly rows: PolledRows<Channel>
  /** The newest answer; undefined before the first. */
  readonly all: readonly Channel[] | undefined
  /** Channels that the server has, also those beyond the limit. */
  readonly total: number
  readonly error: Error | null
}

export function useChannels(order: ChannelOrder): Channels {
  const { data, error, dataUpdatedAt } = useQuery(channelsQuery(order))
  const [rows] = useState(() => createPolledRows<Channel>(({ name }) => name))
  const [all, setAll] = useState<readonly Channel[]>()
  const [measure] = useState(createMeasure)
  useEffect(() => {
    if (!data) return
    const next = measure(data.channels, dataUpdatedAt)
    rows.replace(next)
    setAll(next)
  }, [data, dataUpdatedAt, rows, measure])
  return { rows, all, total: data?.total ?? 0, error }
}

/** Returns a function that compares each answer with the one before. */
function createMeasure(): (answer: readonly ChannelRow[], atMs: number) => readonly Channel[] {
  let before = new Map<string, number>()
  let beforeMs = 0
  return (answer, atMs) => {
    const seconds = (atMs - beforeMs) / 1000
    const measured = answer.map((row) => {
      const bytes = before.get(row.name)
      const grown = bytes === undefined ? 0 : Math.max(0, row.bytes - bytes)
      return { ...row, bytesRate: seconds > 0 ? grown / seconds : 0 }
    })
    before = new Map(answer.map((row) => [row.name, row.bytes]))
    beforeMs = atMs
    return measured
  }
}
