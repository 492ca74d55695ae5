/** Keeps the feed of the filter in the URL; the one before stays until the next has something. */

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { ApiError } from '../../lib/api.ts'
import { followLive } from '../../lib/dns/followLive.ts'
import { createLogFeed, type LogFeed, type LogFeedState } from '../../lib/dns/logFeed.ts'
import { fetchLogPage } from '../../lib/dns/logPage.ts'
import { pollWhileDown } from '../../lib/polling.ts'
import { type DnsLogSearch, storedFilter } from './dnsLogSearch.ts'

/** Rest after a key before the server is asked. */
const TYPING_MS = 250

const parts = { fetchPage: fetchLogPage, follow: followLive, pollWhileDown }

export interface LogFeedInUse {
  readonly feed: LogFeed
  readonly state: LogFeedState
  /** Why the filter in the URL is not the one in use; null when it is. */
  readonly problem: ApiError | null
  /** Filter in use, with the range. */
  readonly stored: string
  /** Another number for each feed: another feed is another table. */
  readonly n: number
}

interface Used {
  readonly n: number
  readonly feed: LogFeed
  readonly stored: string
}

export function useLogFeed(search: DnsLogSearch): LogFeedInUse {
  const { filter = '', to } = search
  const stored = storedFilter(search)
  const isLive = to === undefined
  const make = useCallback(
    (): Used => ({
      n: nextNumber(),
      feed: createLogFeed({ filter, storedFilter: stored, isLive }, parts),
      stored,
    }),
    [filter, stored, isLive],
  )
  const [used, setUsed] = useState<Used>(make)
  const [problem, setProblem] = useState<ApiError | null>(null)
  const running = useRef<LogFeed | null>(null)

  useEffect(() => {
    let stopWaiting = (): void => undefined
    const take = (next: Used): void => {
      running.current?.stop()
      running.current = next.feed
      setUsed(next)
    }
    const begin = (): void => {
      setProblem(null)
      const next = make()
      const { feed } = next
      if (running.current === null) take(next)
      const look = (): void => {
        const { status, error } = feed.state()
        if (status === 'loading') return
        stopWaiting()
        if (status === 'refused') {
          setProblem(error)
          if (running.current !== feed) feed.stop()
        } else if (running.current !== feed) take(next)
      }
      const stopLooking = feed.subscribe(look)
      stopWaiting = (): void => {
        stopLooking()
        stopWaiting = (): void => undefined
      }
      feed.start()
    }
    const timer = setTimeout(begin, running.current === null ? 0 : TYPING_MS)
    return () => {
      clearTimeout(timer)
      stopWaiting()
    }
  }, [make])
  useEffect(
    () => () => {
      running.current?.stop()
      running.current = null
    },
    [],
  )
  const state = useSyncExternalStore(used.feed.subscribe, used.feed.state)
  return { ...used, state, problem }
}

let number = 0

function nextNumber(): number {
  number += 1
  return number
}
