/** What became of a question, in words. */

import { t } from '../i18n.ts'

const STATUSES = [
  'forwarded',
  'cached',
  'stale',
  'blocked',
  'rewritten',
  'local',
  'refused',
  'failed',
] as const

export type QueryStatus = (typeof STATUSES)[number]

export function knownStatus(status: string): QueryStatus | null {
  return STATUSES.find((known) => known === status) ?? null
}

/** Writes a status; one of a later server as it is. */
export function statusLabel(status: string): string {
  const known = knownStatus(status)
  return known === null ? status : t(`dns.status.${known}`)
}
