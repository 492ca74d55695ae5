/** What is kept of each look at the figures: few numbers, so that an hour of them is small. */

import type { Sample } from './parseMetrics.ts'

/** The figures that charts are drawn of; totals count up, the others are as they are. */
export interface Figures {
  readonly connections: number
  readonly stalled: number
  readonly published: number
  readonly logged: number
  readonly delivered: number
  readonly deliveredBytes: number
  readonly resets: number
  readonly dropped: number
  readonly refused: number
  readonly window: number
  readonly ring: number
  readonly unsent: number
  readonly logBytes: number
  readonly leasesActive: number
  readonly leasesOther: number
  /** Deliveries by latency: cumulated counts, one per bound of `latencyBounds`. */
  readonly latency: readonly number[]
}

/** Figures at a time, with the bounds of the latency's buckets in seconds. */
export interface Look {
  readonly atMs: number
  readonly figures: Figures
  readonly latencyBounds: readonly number[]
}

export function lookAt(samples: readonly Sample[], atMs: number): Look {
  const sum = (name: string, isWanted: (sample: Sample) => boolean = () => true): number =>
    samples.reduce(
      (total, sample) => (sample.name === name && isWanted(sample) ? total + sample.value : total),
      0,
    )
  const isActive = ({ labels }: Sample): boolean => labels.state === 'active'
  const buckets = samples
    .filter(({ name }) => name === 'tidings_delivery_seconds_bucket')
    .map(({ labels, value }) => ({ bound: boundOf(labels.le), value }))
    .sort((left, right) => left.bound - right.bound)
  return {
    atMs,
    latencyBounds: buckets.map(({ bound }) => bound),
    figures: {
      connections: sum('tidings_connections'),
      stalled: sum('tidings_streams_stalled'),
      published: sum('tidings_published_total'),
      logged: sum('tidings_log_events_total'),
      delivered: sum('tidings_delivered_total'),
      deliveredBytes: sum('tidings_delivered_bytes_total'),
      resets: sum('tidings_resets_total'),
      dropped: sum('tidings_dropped_total'),
      refused: sum('tidings_refused_total'),
      window: sum('tidings_window_bytes'),
      ring: sum('tidings_ring_bytes'),
      unsent: sum('tidings_unsent_bytes'),
      logBytes: sum('tidings_log_bytes'),
      leasesActive: sum('dhcp_leases', isActive),
      leasesOther: sum('dhcp_leases', (sample) => !isActive(sample)),
      latency: buckets.map(({ value }) => value),
    },
  }
}

function boundOf(text: string | undefined): number {
  return text === '+Inf' ? Number.POSITIVE_INFINITY : Number(text)
}

/** Returns how much a total grew per second; null where it began anew, as at a restart. */
export function perSecond(
  name: Exclude<keyof Figures, 'latency'>,
): (look: Look, before: Look | null) => number | null {
  return (look, before) => {
    if (before === null) return null
    const seconds = (look.atMs - before.atMs) / 1000
    const grown = look.figures[name] - before.figures[name]
    return seconds > 0 && grown >= 0 ? grown / seconds : null
  }
}

/** Returns a figure as it is. */
export function plain(
  name: Exclude<keyof Figures, 'latency'>,
): (look: Look, before: Look | null) => number | null {
  return (look) => look.figures[name]
}

/** Returns the latency that a share of the deliveries since the look before stayed below. */
export function latencyQuantile(share: number): (look: Look, before: Look | null) => number | null {
  return (look, before) => {
    if (before === null) return null
    const counts = look.figures.latency.map(
      (count, place) => count - (before.figures.latency[place] ?? 0),
    )
    const total = counts.at(-1) ?? 0
    if (total <= 0) return null
    const wanted = share * total
    const place = counts.findIndex((count) => count >= wanted)
    const upper = look.latencyBounds[place] ?? Number.POSITIVE_INFINITY
    const lower = look.latencyBounds[place - 1] ?? 0
    if (!Number.isFinite(upper)) return lower
    const below = counts[place - 1] ?? 0
    const inside = (counts[place] ?? 0) - below
    return inside > 0 ? lower + ((wanted - below) / inside) * (upper - lower) : upper
  }
}
