/** Follows channels for the inspector: on the page's stream, or from a start on one of its own. */

import { useEffect, useState } from 'react'
import {
  createClient,
  fetchTransport,
  type Gap,
  subscribeBatch,
  type TidingsClient,
  type TidingsEvent,
} from 'tidings'
import { serverUrl } from '../../lib/api.ts'
import { client } from '../../lib/client.ts'
import { createEventLog, type EventLog } from './eventLog.ts'
import { startParameters } from './inspectorSearch.ts'
import { type FrameHandler, HEARTBEAT, tapFrames } from './tapFrames.ts'

/** What the stream has to say beside events. */
export type InspectorNote =
  | { readonly kind: 'none' }
  | { readonly kind: 'gap'; readonly reason: string }
  | { readonly kind: 'closed'; readonly reason: string }

export interface Inspector {
  readonly log: EventLog
  readonly note: InspectorNote
}

/**
 * `patterns` null follows nothing; a new list or start begins anew.
 *
 * Heartbeats are shown with the frames about the stream alone, or where their channel is named.
 */
export function useInspector(
  patterns: readonly string[] | null,
  from: string | undefined,
  hasFrames: boolean,
): Inspector {
  const [log] = useState(() => createEventLog())
  const [note, setNote] = useState<InspectorNote>({ kind: 'none' })
  const list = patterns?.join(',') ?? null
  useEffect(() => {
    log.clear()
    setNote({ kind: 'none' })
    if (list === null) return
    const followed = list.split(',')
    const parameters = startParameters(from)
    const onFrame = hasFrames ? log.addFrame : null
    const isOwn = parameters !== null || hasFrames
    const own = isOwn ? openStream(followed, parameters ?? {}, onFrame) : null
    const source: TidingsClient = own ?? client
    const onGap = ({ reason }: Gap): void => setNote({ kind: 'gap', reason })
    const stops = followed.map((pattern) => {
      const isShown = ({ channel }: TidingsEvent): boolean =>
        channel !== HEARTBEAT || (pattern === HEARTBEAT && !hasFrames)
      const take = (events: readonly TidingsEvent[]): void => log.add(events.filter(isShown))
      // One by one, frames and events keep the order of the wire.
      return hasFrames
        ? source.subscribe(pattern, (event) => take([event]), { onGap })
        : subscribeBatch(source, pattern, take, { onGap })
    })
    const stopWatching = own?.onConnectionChange(({ status, error }) => {
      if (status === 'closed') setNote({ kind: 'closed', reason: error?.message ?? '' })
    })
    return () => {
      stopWatching?.()
      for (const stop of stops) stop()
      own?.close()
    }
  }, [log, list, from, hasFrames])
  return { log, note }
}

/** The shared stream is live and keeps its frames to itself, so the past and the frames need a stream of their own. */
function openStream(
  patterns: readonly string[],
  parameters: Readonly<Record<string, string>>,
  onFrame: FrameHandler | null,
): TidingsClient {
  const url = new URL(serverUrl('/api/sse/stream'), location.origin)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return createClient({
    url,
    channels: patterns,
    ...(onFrame && { transport: tapFrames(fetchTransport, onFrame) }),
  })
}
