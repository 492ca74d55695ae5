/** One ticking clock for everything on the page that shows the passing of time. */

import { useSyncExternalStore } from 'react'

/** How often a reader of the clock wants to be called. */
export type Beat = 'second' | 'minute'

const PERIOD_MS: Readonly<Record<Beat, number>> = { second: 1000, minute: 10_000 }

interface Ticker {
  nowMs: number
  readonly listeners: Set<() => void>
  timer: ReturnType<typeof setInterval> | undefined
}

const tickers: Readonly<Record<Beat, Ticker>> = {
  second: { nowMs: Date.now(), listeners: new Set(), timer: undefined },
  minute: { nowMs: Date.now(), listeners: new Set(), timer: undefined },
}

function subscribeTo(beat: Beat): (listener: () => void) => () => void {
  const ticker = tickers[beat]
  return (listener) => {
    ticker.listeners.add(listener)
    if (ticker.timer === undefined) {
      ticker.nowMs = Date.now()
      ticker.timer = setInterval(() => {
        ticker.nowMs = Date.now()
        for (const tell of ticker.listeners) tell()
      }, PERIOD_MS[beat])
    }
    return () => {
      ticker.listeners.delete(listener)
      if (ticker.listeners.size > 0) return
      clearInterval(ticker.timer)
      ticker.timer = undefined
    }
  }
}

const subscribe: Readonly<Record<Beat, ReturnType<typeof subscribeTo>>> = {
  second: subscribeTo('second'),
  minute: subscribeTo('minute'),
}

/** Returns the time in milliseconds, renewed each second or, for minutes' sake, each ten. */
export function useNow(beat: Beat): number {
  return useSyncExternalStore(subscribe[beat], () => tickers[beat].nowMs)
}
