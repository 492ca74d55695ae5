/** Entry `tidings/react-query`: keeps TanStack Query fresh by events. */
import { type QueryKey, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type { ChannelKey, TidingsEvent } from './api.js'
import { useTidings } from './react.js'

/** What an event makes stale. */
export type Keys =
  | readonly QueryKey[]
  | ((event: TidingsEvent) => readonly QueryKey[] | null | undefined)

/** Settings of the invalidation. */
export interface InvalidateOptions {
  /** At most one invalidation of a key in so many milliseconds; the last event is never left out. 500 */
  everyMs?: number
  types?: readonly string[]
  enabled?: boolean
}

/**
 * Invalidates queries when a channel has an event.
 *
 * After a gap nobody knows what changed, so all the keys are invalidated, and every query when `keys` is a function.
 */
export function useInvalidateOnEvent(
  channel: ChannelKey<object>,
  keys: Keys,
  options: InvalidateOptions = {},
): void {
  const client = useTidings()
  const queries = useQueryClient()
  const newest = useRef(keys)
  useEffect(() => {
    newest.current = keys
  })
  const { everyMs = 500, enabled = true, types } = options
  const typeNames = types?.join('\n')
  useEffect(() => {
    if (!enabled) return
    // By their text, since equal keys are different arrays.
    const due = new Map<string, QueryKey>()
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = (): void => {
      timer = undefined
      if (!due.size) return
      for (const queryKey of due.values()) queries.invalidateQueries({ queryKey })
      due.clear()
      // The first event counts at once; those within the period together at its end.
      timer = setTimeout(flush, everyMs)
    }
    const mark = (marked: readonly QueryKey[]): void => {
      for (const key of marked) due.set(JSON.stringify(key), key)
      if (timer === undefined) flush()
    }
    const end = client.subscribe(
      channel,
      (event) => {
        const { current } = newest
        mark((typeof current === 'function' ? current(event) : current) ?? [])
      },
      {
        ...(typeNames && { types: typeNames.split('\n') }),
        onGap() {
          const { current } = newest
          // Without an event a function cannot say what it is about.
          mark(typeof current === 'function' ? [[]] : current)
        },
      },
    )
    return () => {
      end()
      clearTimeout(timer)
    }
  }, [client, queries, channel, everyMs, enabled, typeNames])
}
