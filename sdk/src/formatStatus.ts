/** Puts the state of the connection into words. */
import type { ConnectionSnapshot, Status } from './api.js'

/** How the connection is shown: three labels, the rest stands in `detail`. */
export interface StatusText {
  readonly label: 'Live' | 'Connecting...' | 'Disconnected'
  readonly tone: 'good' | 'warning' | 'bad'
  readonly detail: string
}

/** A stream that is down so long is shown as disconnected, however many tries that took. */
export const DOWN_MS = 10_000

const PAUSES = {
  unused: 'Nobody follows a channel',
  hidden: 'Paused while the page is hidden',
  manual: 'Disconnected by hand',
  auth: 'Signed out: the server refused the token',
  server: 'The server asked not to come back',
} as const

const WORDS: Record<Status, string> = {
  idle: 'No stream',
  connecting: 'Connecting',
  open: 'Receiving events',
  reconnecting: 'Connection lost, trying again',
  offline: 'No network',
  closed: 'Closed',
}

/** Puts the connection into words; call it with the time, since a long loss changes the label. */
export function formatStatus(connection: ConnectionSnapshot, now: number = Date.now()): StatusText {
  const { status, downSince, stale, reason, error, nextRetryAt, attempt } = connection
  const said = reason ? PAUSES[reason] : stale ? 'Delayed: the heartbeat is late' : WORDS[status]
  const parts: string[] = [said]
  if (downSince !== null) parts.push(`for ${seconds(now - downSince)}`)
  if (error) parts.push(error.message)
  if (nextRetryAt !== null) parts.push(`try ${attempt + 1} in ${seconds(nextRetryAt - now)}`)
  const detail = parts.join(', ')
  if (status === 'open') {
    return stale
      ? { label: 'Connecting...', tone: 'warning', detail }
      : { label: 'Live', tone: 'good', detail }
  }
  const isDown =
    status === 'closed' ||
    status === 'offline' ||
    reason === 'manual' ||
    (downSince !== null && now - downSince >= DOWN_MS)
  return isDown
    ? { label: 'Disconnected', tone: 'bad', detail }
    : { label: 'Connecting...', tone: 'warning', detail }
}

function seconds(ms: number): string {
  return `${Math.max(0, Math.round(ms / 1000))} s`
}
