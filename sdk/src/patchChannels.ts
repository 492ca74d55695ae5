/** Changes the channels of a live stream at the server, so that the stream goes on as it is. */
import type { ChannelChange } from './api.js'

/** A server that takes longer is taken for one that does not answer. */
const LIMIT_MS = 10_000

/** Calls `PATCH …/connections/{id}` beside the stream's URL; give it as `patch`. */
export async function patchChannels(change: ChannelChange): Promise<void> {
  const { add, remove, headers } = change
  const { fetch: ask = fetch, credentials } = change.options
  const url = new URL(`connections/${change.connectionId}`, change.url)
  const answer = await ask(url, {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ add, remove }),
    signal: AbortSignal.timeout(LIMIT_MS),
    ...(credentials && { credentials }),
  })
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
}
