/** What is told of a list: how it is, since when nothing was hit, how often it is asked for. */

import type { DnsList } from '../../lib/dns/lists.ts'
import { formatDuration } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

/** A list that hit nothing for so long is marked. */
export const NO_HITS_AFTER_MS = 24 * 3_600_000

export const FORMATS = ['adguard', 'hosts', 'domains', 'dnsmasq', 'pihole', 'blocky'] as const

export const INTERVALS_S = [3600, 21_600, 86_400, 604_800] as const

const STATUSES = ['new', 'waiting', 'loading', 'ok', 'failed', 'off'] as const

export function formatName(format: string): string {
  const known = FORMATS.find((one) => one === format)
  return known ? t(`dnsLists.format.${known}`) : format
}

export function statusName(status: string): string {
  const known = STATUSES.find((one) => one === status)
  return known ? t(`dnsLists.status.${known}`) : status
}

export function intervalName(seconds: number): string {
  const known = INTERVALS_S.find((one) => one === seconds)
  return known
    ? t(`dnsLists.interval.${known}`)
    : t('dnsLists.interval.other', { time: formatDuration(seconds * 1000) })
}

/**
 * Returns for how long a list has hit nothing, null when it has or it is too early to say.
 *
 * Hits are counted since the server started, so `sinceMs` is when the resolver began to answer.
 */
export function noHitsForMs(list: DnsList, sinceMs: number | null, nowMs: number): number | null {
  if (!list.on || list.hits > 0 || list.entries === 0 || sinceMs === null) return null
  const idleMs = nowMs - sinceMs
  return idleMs >= NO_HITS_AFTER_MS ? idleMs : null
}
