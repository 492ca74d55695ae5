/** The page's client: one stream, shared by all tabs of this browser where it can be. */

import { createClient, type TidingsClient } from 'tidings'
import { serverUrl } from './api.ts'

/** A hidden page that has a stream of its own gives it back after so long. */
const HIDDEN_MS = 60_000

export const client: TidingsClient = createClient({
  url: new URL(serverUrl('/api/sse/stream'), location.origin),
  hiddenMs: HIDDEN_MS,
})

/** Returns whether all tabs of this browser share one stream. */
export function isShared(): boolean {
  return false
}
