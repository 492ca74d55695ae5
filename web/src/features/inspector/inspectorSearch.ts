/** What of the inspector stands in its URL: what is followed, and from where. */

export interface InspectorSearch {
  /** Comma list of channels and patterns. */
  readonly channels?: string
  /** `tail20`, `tail200`, `earliest`, or `after:POSITION`; now when missing. */
  readonly from?: string
  /** Text that an event must hold to be shown. */
  readonly q?: string
  /** Shows the frames that a stream sends about itself, too. */
  readonly frames?: boolean
}

/** Followed when the URL names nothing: everything. */
export const EVERYTHING = '**'

/** Starts that can be chosen, beside a position. */
export const STARTS = ['now', 'tail20', 'tail200', 'earliest'] as const

const AFTER = 'after:'

export function inspectorSearch(search: Record<string, unknown>): InspectorSearch {
  const { channels, from, q, frames } = search
  const isStart =
    typeof from === 'string' && (STARTS.some((start) => start === from) || from.startsWith(AFTER))
  return {
    ...(typeof channels === 'string' && channels ? { channels } : {}),
    ...(isStart && from !== 'now' ? { from } : {}),
    ...(typeof q === 'string' && q ? { q } : {}),
    ...(frames === true ? { frames } : {}),
  }
}

/** Returns the start after a position. */
export function startAfter(position: string): string {
  return `${AFTER}${position}`
}

/** Returns the position of a start, null when it has none. */
export function positionOf(from: string): string | null {
  return from.startsWith(AFTER) ? from.slice(AFTER.length) : null
}

/** Returns the parameters of a stream that starts so; null starts now, on the shared stream. */
export function startParameters(from: string | undefined): Readonly<Record<string, string>> | null {
  if (from === undefined || from === 'now') return null
  const position = positionOf(from)
  if (position !== null) return { last_event_id: position }
  if (from === 'earliest') return { earliest: '1' }
  return { tail: from.slice('tail'.length) }
}
