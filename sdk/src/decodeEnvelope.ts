/** Reads the formats of streams: the envelope, named events, the lease stream. */
import type { SseMessage, TidingsEvent } from './api.js'
import { asObject } from './asObject.js'

/** Type of an event that names none. */
const GENERIC = 'generic_event'

/** Reads `{"type":CHANNEL,"event":TYPE,"data":…,"timestamp":MS}`, with or without `event` and `timestamp`. */
export function decodeEnvelope(message: SseMessage): TidingsEvent | null {
  if (message.event !== 'message') return null
  const envelope = asObject(JSON.parse(message.data))
  if (typeof envelope?.type !== 'string') throw new Error('the envelope has no type')
  const { type, event, data, timestamp } = envelope
  return {
    id: message.id || null,
    channel: type,
    type: typeof event === 'string' ? event : GENERIC,
    timestamp: typeof timestamp === 'number' ? timestamp : null,
    data,
  }
}
