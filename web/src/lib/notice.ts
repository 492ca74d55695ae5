/** Decides when to tell of a lost connection and of its return. */

import type { ConnectionSnapshot, TidingsClient } from 'tidings'

export type NoticeState =
  | { readonly kind: 'none' }
  | { readonly kind: 'lost' }
  | {
      readonly kind: 'restored'
      readonly awayMs: number
      /** Whether the stream brought everything that was missed. */
      readonly isReplayed: boolean
    }

/**
 * Reports each loss that outlasts the grace, once, and the return after it.
 *
 * A page that was never connected has lost nothing. Returns how to stop.
 */
export function watchNotice(
  client: Pick<TidingsClient, 'onConnectionChange'>,
  graceMs: number,
  show: (notice: NoticeState) => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let lostAt: number | null = null
  let isTold = false

  const stop = client.onConnectionChange(
    (connection: ConnectionSnapshot) => {
      if (connection.status === 'open') {
        clearTimeout(timer)
        timer = undefined
        if (isTold && lostAt !== null) {
          const awayMs = connection.since - lostAt
          show({ kind: 'restored', awayMs, isReplayed: connection.recovered === true })
        }
        isTold = false
        lostAt = null
        return
      }
      if (!connection.everConnected || connection.status === 'idle') return
      lostAt ??= connection.downSince ?? connection.since
      if (isTold || timer !== undefined) return
      timer = setTimeout(() => {
        timer = undefined
        isTold = true
        show({ kind: 'lost' })
      }, graceMs)
    },
    { emitCurrent: true },
  )
  return () => {
    stop()
    clearTimeout(timer)
  }
}
