/** How many questions come each second, counted by the page from what the server tells. */

import { useEffect, useState } from 'react'
import type { DnsLiveBatch } from 'tidings'
import { followLive } from './followLive.ts'

/** Seconds that are kept. */
export const RATE_SECONDS = 120
/** Seconds that the figure is the mean of. */
const MEAN_SECONDS = 5

/** Questions of one second. */
export interface RateSecond {
  readonly total: number
  readonly blocked: number
}

export interface LiveRate {
  /** The last two minutes, as far as they were followed, oldest first, one for each second. */
  readonly seconds: readonly RateSecond[]
  /** Mean of the last seconds; null until one is over. */
  readonly perSecond: number | null
}

const QUIET: RateSecond = { total: 0, blocked: 0 }

export interface RateCounter {
  add(batch: DnsLiveBatch, nowMs: number): void
  read(nowMs: number): LiveRate
}

/** Counts from `startMs` on. */
export function createRateCounter(startMs: number): RateCounter {
  const firstSecond = Math.floor(startMs / 1000)
  const bySecond = new Map<number, RateSecond>()
  return {
    add({ entries, matching }, nowMs) {
      const second = Math.floor(nowMs / 1000)
      const before = bySecond.get(second) ?? QUIET
      const nBlocked = entries.filter(({ status }) => status === 'blocked').length
      // A batch of a busy time holds only some entries, which stand for all.
      const share = entries.length === 0 ? 0 : nBlocked / entries.length
      bySecond.set(second, {
        total: before.total + matching,
        blocked: before.blocked + share * matching,
      })
      for (const old of bySecond.keys()) {
        if (old > second - RATE_SECONDS - 1) break
        bySecond.delete(old)
      }
    },
    read(nowMs) {
      // The second that is not over yet would always look like a drop.
      const last = Math.floor(nowMs / 1000) - 1
      const first = Math.max(firstSecond, last - RATE_SECONDS + 1)
      const seconds = Array.from(
        { length: Math.max(0, last - first + 1) },
        (_, place) => bySecond.get(first + place) ?? QUIET,
      )
      const late = seconds.slice(-MEAN_SECONDS)
      const sum = late.reduce((n, { total }) => n + total, 0)
      return { seconds, perSecond: late.length === 0 ? null : sum / late.length }
    },
  }
}

/** Counts while the component is shown; null until the server is followed. */
export function useLiveRate(isOn: boolean): LiveRate | null {
  const [rate, setRate] = useState<LiveRate | null>(null)
  useEffect(() => {
    if (!isOn) return
    const counter = createRateCounter(Date.now())
    const show = (): void => setRate(counter.read(Date.now()))
    let timer: ReturnType<typeof setInterval> | undefined
    const stop = followLive('', {
      onBatch: (batch) => counter.add(batch, Date.now()),
      onLive: () => {
        timer ??= setInterval(show, 1000)
      },
      onError: () => setRate(null),
    })
    return () => {
      stop()
      clearInterval(timer)
      setRate(null)
    }
  }, [isOn])
  return rate
}
