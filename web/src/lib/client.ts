/** The page's client: one stream, shared by all tabs of this browser where it can be. */

import { connectShared, type SharedClient } from 'tidings/shared-worker'
import { serverUrl } from './api.ts'

/** A hidden page that has a stream of its own gives it back after so long. */
const HIDDEN_MS = 60_000
/** Counted up when the messages between page and worker change, so that builds never mix. */
const WORKER_NAME = 'tidings-1'

let isOwn = false

export const client: SharedClient = connectShared(
  () =>
    new SharedWorker(new URL('../workers/streamWorker.ts', import.meta.url), {
      type: 'module',
      name: WORKER_NAME,
    }),
  {
    url: new URL(serverUrl('/api/sse/stream'), location.origin),
    hiddenMs: HIDDEN_MS,
    onFallback: (reason) => {
      isOwn = true
      console.info(`tidings: this tab has a stream of its own: ${reason}`)
    },
  },
)

/** Returns whether all tabs of this browser share one stream. */
export function isShared(): boolean {
  return !isOwn
}
