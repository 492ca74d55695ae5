/** The charts: what each line is, and how its values are written. */

import { formatBytes, formatDecimal, formatNumber } from '../../lib/format.ts'
import type { MessageKey } from '../../lib/i18n.ts'
import { type Look, latencyQuantile, perSecond, plain } from './figures.ts'

export interface Line {
  readonly label: MessageKey
  readonly value: (look: Look, before: Look | null) => number | null
}

export interface ChartEntry {
  readonly id: string
  readonly title: MessageKey
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  /** The same for Prometheus. */
  readonly promql: string
}

const bytesPerSecond = (value: number): string => `${formatBytes(value)}/s`
const seconds = (value: number): string => `${formatDecimal(value * 1000)} ms`

export const charts: readonly ChartEntry[] = [
  {
    id: 'streams',
    title: 'metrics.streams',
    lines: [
      { label: 'metrics.streams.all', value: plain('connections') },
      { label: 'metrics.streams.stalled', value: plain('stalled') },
    ],
    format: formatNumber,
    promql: 'tidings_connections',
  },
  {
    id: 'published',
    title: 'metrics.published',
    lines: [
      { label: 'metrics.published.accepted', value: perSecond('published') },
      { label: 'metrics.published.logged', value: perSecond('logged') },
    ],
    format: formatDecimal,
    promql: 'rate(tidings_published_total[1m])',
  },
  {
    id: 'delivered',
    title: 'metrics.delivered',
    lines: [{ label: 'metrics.delivered.events', value: perSecond('delivered') }],
    format: formatDecimal,
    promql: 'rate(tidings_delivered_total[1m])',
  },
  {
    id: 'bytes',
    title: 'metrics.bytes',
    lines: [{ label: 'metrics.bytes.delivered', value: perSecond('deliveredBytes') }],
    format: bytesPerSecond,
    promql: 'rate(tidings_delivered_bytes_total[1m])',
  },
  {
    id: 'latency',
    title: 'metrics.latency',
    lines: [
      { label: 'metrics.latency.p50', value: latencyQuantile(0.5) },
      { label: 'metrics.latency.p99', value: latencyQuantile(0.99) },
    ],
    format: seconds,
    promql: 'histogram_quantile(0.99, rate(tidings_delivery_seconds_bucket[5m]))',
  },
  {
    id: 'losses',
    title: 'metrics.losses',
    lines: [
      { label: 'metrics.losses.resets', value: perSecond('resets') },
      { label: 'metrics.losses.dropped', value: perSecond('dropped') },
      { label: 'metrics.losses.refused', value: perSecond('refused') },
    ],
    format: formatDecimal,
    promql: 'sum by (reason) (rate(tidings_resets_total[1m]))',
  },
  {
    id: 'memory',
    title: 'metrics.memory',
    lines: [
      { label: 'metrics.memory.window', value: plain('window') },
      { label: 'metrics.memory.ring', value: plain('ring') },
      { label: 'metrics.memory.unsent', value: plain('unsent') },
    ],
    format: formatBytes,
    promql: 'tidings_window_bytes + tidings_ring_bytes + tidings_unsent_bytes',
  },
  {
    id: 'log',
    title: 'metrics.log',
    lines: [{ label: 'metrics.log.size', value: plain('logBytes') }],
    format: formatBytes,
    promql: 'tidings_log_bytes',
  },
  {
    id: 'leases',
    title: 'metrics.leases',
    lines: [
      { label: 'metrics.leases.active', value: plain('leasesActive') },
      { label: 'metrics.leases.other', value: plain('leasesOther') },
    ],
    format: formatNumber,
    promql: 'sum by (state) (dhcp_leases)',
  },
]

/** A gap in the looks as long as this breaks the line. */
const GAP_MS = 20_000

/** Returns times in seconds and the values of each line, newest last. */
export function chartData(
  looks: readonly Look[],
  lines: readonly Line[],
): readonly (readonly (number | null)[])[] {
  const before = (place: number): Look | null => {
    const previous = looks[place - 1]
    const current = looks[place]
    return previous && current && current.atMs - previous.atMs < GAP_MS ? previous : null
  }
  const times = looks.map(({ atMs }) => atMs / 1000)
  const values = lines.map((line) => looks.map((look, place) => line.value(look, before(place))))
  return [times, ...values]
}
