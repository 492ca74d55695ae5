/** Follows channels for the inspector: on the page's stream, or from a start on one of its own. */

import { useEffect, useState } from 'react'
import {
  createClient,
  type Gap,
  subscribeBatch,
  type TidingsClient,
  type TidingsEvent,
} from 'tidings'
import { serverUrl } from '../../lib/api.ts'
import { client } from '../../lib/client.ts'
import { createEventLog, type EventLog } from './eventLog.ts'
import { startParameters } from './inspectorSearch.ts'

/** What the stream has to say beside events. */
export type InspectorNote =
  | { readonly kind: 'none' }
  | { readonly kind: 'gap'; readonly reason: string }
  | { readonly kind: 'closed'; readonly reason: string }

export interface Inspector {
  readonly log: EventLog
  readonly note: InspectorNote
}

/** `patterns` null follows nothing; a new list or start begins anew. */
export function useInspector(
  patterns: readonly string[] | null,
  from: string | undefined,
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
    const own = parameters === null ? null : openFrom(followed, parameters)
    const source: TidingsClient = own ?? client
    const stops = followed.map((pattern) =>
      subscribeBatch(source, pattern, (events: readonly TidingsEvent[]) => log.add(events), {
        onGap: (gap: Gap) => setNote({ kind: 'gap', reason: gap.reason }),
      }),
    )
    const stopWatching = own?.onConnectionChange(({ status, error }) => {
      if (status === 'closed') setNote({ kind: 'closed', reason: error?.message ?? '' })
    })
    return () => {
      stopWatching?.()
      for (const stop of stops) stop()
      own?.close()
    }
  }, [log, list, from])
  return { log, note }
}

/** The shared stream is live, so a look into the past needs a stream of its own. */
function openFrom(
  patterns: readonly string[],
  parameters: Readonly<Record<string, string>>,
): TidingsClient {
  const url = new URL(serverUrl('/api/sse/stream'), location.origin)
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return createClient({ url, channels: patterns })
}
