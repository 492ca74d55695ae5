/** Writes the pause of a table into the URL; a page opened with one starts paused. */

import { useEffect, useState, useSyncExternalStore } from 'react'
import type { LiveView } from './liveView.ts'

export interface PauseInUrl {
  /** Seconds since 1970 that the URL says; undefined is not paused. */
  readonly paused: number | undefined
  readonly onPaused: (paused: number | undefined) => void
  /** Whether there is something that can be paused. */
  readonly isReady: boolean
}

export function usePauseInUrl<Row>(
  view: LiveView<Row>,
  { paused, onPaused, isReady }: PauseInUrl,
): void {
  const { pausedAtMs } = useSyncExternalStore(view.subscribe, view.state)
  const [isStarted, setIsStarted] = useState(false)
  useEffect(() => {
    if (isStarted || !isReady) return
    if (paused !== undefined) view.pause()
    setIsStarted(true)
  }, [isStarted, isReady, paused, view])
  useEffect(() => {
    if (!isStarted) return
    const seconds = pausedAtMs === null ? undefined : Math.floor(pausedAtMs / 1000)
    if (seconds !== paused) onPaused(seconds)
  }, [isStarted, pausedAtMs, paused, onPaused])
}
