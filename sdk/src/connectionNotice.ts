/** Decides when a lost connection is worth a notice. */
import type { TidingsClient } from './api.js'

/** What to do about a loss. */
export interface NoticeHandlers {
  lost(): void
  /** Events come again after so many milliseconds; only after `lost`. */
  restored(downMs: number): void
}

/**
 * Calls `lost` once when the stream has been down for the grace time, and `restored` when it is back.
 *
 * Nothing is said before the first connection, nor when the stream is paused on purpose. Returns the end of it.
 */
export function connectionNotice(
  client: Pick<TidingsClient, 'onConnectionChange'>,
  handlers: NoticeHandlers,
  graceMs = 1_000,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let lostSince: number | null = null
  let toldSince: number | null = null
  const end = client.onConnectionChange(
    ({ status, downSince, everConnected }) => {
      const isLost = everConnected && downSince !== null && status !== 'idle'
      if (!isLost) {
        clearTimeout(timer)
        lostSince = null
        if (toldSince !== null && status === 'open') handlers.restored(Date.now() - toldSince)
        if (status === 'open') toldSince = null
      } else if (lostSince === null && toldSince === null) {
        lostSince = downSince
        timer = setTimeout(
          () => {
            toldSince = downSince
            handlers.lost()
          },
          downSince + graceMs - Date.now(),
        )
      }
    },
    { emitCurrent: true },
  )
  return () => {
    clearTimeout(timer)
    end()
  }
}
