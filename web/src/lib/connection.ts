/** The page's one connection: what the label, the banner and the notice say of it. */

import { useSyncExternalStore } from 'react'
import type { ConnectionSnapshot, TidingsClient } from 'tidings'
import { client } from './client.ts'
import { useNow } from './clock.ts'
import { formatDuration } from './format.ts'
import { t } from './i18n.ts'
import { GRACE_MS, type Tone, toneOf } from './tone.ts'

/** Returns the words for a connection's state, finer than the label. */
export function stateText(connection: ConnectionSnapshot): string {
  switch (connection.status) {
    case 'open':
      return t(connection.stale ? 'live.state.stale' : 'live.state.open')
    case 'reconnecting':
      return t('live.state.reconnecting')
    case 'offline':
      return t('live.state.offline')
    case 'closed':
      return t(connection.reason === 'auth' ? 'live.state.signedOut' : 'live.state.closed')
    case 'idle':
    case 'connecting':
      return t('live.state.connecting')
  }
}

/** Returns the connection and follows it; a new object only when something changed. */
export function useConnection(): ConnectionSnapshot {
  return useSyncExternalStore(subscribe, () => client.connection)
}

function subscribe(listener: () => void): () => void {
  return client.onConnectionChange(listener)
}

/** Returns what the label says, also as time passes without any event. */
export function useTone(): Tone {
  const connection = useConnection()
  const nowMs = useNow(connection.status === 'open' ? 'minute' : 'second')
  return toneOf(connection, nowMs)
}

/** Returns since when the page is not live, once the grace is over; null while it is. */
export function useNotLiveSince(): number | null {
  const connection = useConnection()
  const nowMs = useNow(connection.downSince === null ? 'minute' : 'second')
  const { downSince } = connection
  return downSince !== null && nowMs - downSince >= GRACE_MS ? downSince : null
}

/** Writes how long ago something was, for the tooltip. */
export function agoText(atMs: number | null, nowMs: number): string {
  if (atMs === null) return t('live.value.never')
  return t('live.value.ago', { time: formatDuration(nowMs - atMs) })
}

export type { ConnectionSnapshot, TidingsClient }
