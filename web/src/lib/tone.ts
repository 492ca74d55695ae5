/** What the label says of a connection, and when. */

import type { ConnectionSnapshot } from 'tidings'

/** How long a connection may be lost before it counts as disconnected. */
export const DISCONNECTED_AFTER_MS = 10_000
/** How long a loss may last before anybody is told. */
export const GRACE_MS = 1_000

/** The three things that the label says. */
export type Tone = 'live' | 'connecting' | 'disconnected'

/** Returns what the label says of a connection. */
export function toneOf(connection: ConnectionSnapshot, nowMs: number): Tone {
  if (connection.status === 'open') return connection.stale ? 'connecting' : 'live'
  if (connection.status === 'closed') return 'disconnected'
  const downMs = connection.downSince === null ? 0 : nowMs - connection.downSince
  return downMs >= DISCONNECTED_AFTER_MS ? 'disconnected' : 'connecting'
}
