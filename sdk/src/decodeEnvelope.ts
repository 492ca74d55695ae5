/** Reads the default format of streams: every event in one envelope. */
import type { SseMessage, TidingsEvent } from './api.js'

/** Reads `{"type":CHANNEL,"event":TYPE,"data":…,"timestamp":MS}`, with or without `event` and `timestamp`. */
export function decodeEnvelope(message: SseMessage): TidingsEvent | null {
  if (message.event !== 'message') return null
  const { type, event = 'generic_event', data, timestamp = null } = JSON.parse(message.data)
  if (typeof type !== 'string') throw new Error('no type')
  return { id: message.id || null, channel: type, type: event, timestamp, data }
}
