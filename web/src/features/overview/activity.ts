/** Counts changes of leases by minute. */

import type { ChangeType, RecentChange } from '../../lib/leases/recentChanges.ts'

/** What the chart tells apart, from the bottom of a bar to its top. */
export const KINDS = ['renewed', 'changed', 'added', 'gone'] as const

export type Kind = (typeof KINDS)[number]

/** Minutes that the chart shows. */
export const MINUTES = 60

const MINUTE_MS = 60_000

/** Changes of one minute. */
export type Minute = Readonly<Record<Kind, number>> & { readonly startMs: number }

const KIND_OF: Readonly<Record<ChangeType, Kind>> = {
  added: 'added',
  updated: 'changed',
  renewed: 'renewed',
  removed: 'gone',
  expired: 'gone',
}

/** Returns the last hour's minutes, the present one last. */
export function activityOf(changes: readonly RecentChange[], nowMs: number): readonly Minute[] {
  const last = Math.floor(nowMs / MINUTE_MS)
  const first = last - MINUTES + 1
  const minutes = Array.from({ length: MINUTES }, (_, place) => ({
    startMs: (first + place) * MINUTE_MS,
    added: 0,
    changed: 0,
    renewed: 0,
    gone: 0,
  }))
  for (const { atMs, type } of changes) {
    // A change of the coming minute is of this one: the two clocks differ a little.
    const minute = minutes[Math.min(MINUTES - 1, Math.floor(atMs / MINUTE_MS) - first)]
    if (minute) minute[KIND_OF[type]] += 1
  }
  return minutes
}
