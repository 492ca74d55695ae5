/** Reads streams in other formats than the envelope; give one as `decode`. */
import type { SseMessage, TidingsEvent } from './api.js'
import { asObject } from './asObject.js'

/** Names that the lease stream writes with hyphens on request. */
const LEASE_CHANGES = 'dhcp/leases/changes'

/**
 * Makes the decoder of `format=named` streams, whose frames hold the event's type but not its channel.
 *
 * Every event is handed to subscribers of `channel`; `text` leaves the payload as it came, otherwise it is JSON where
 * it can be read as such.
 */
export function namedDecoder(
  channel: string,
  options: { text?: boolean } = {},
): (message: SseMessage) => TidingsEvent | null {
  return (message) => {
    const data = options.text ? message.data : jsonOrText(message.data)
    const isHeartbeat = message.event === 'heartbeat'
    return named(message, isHeartbeat ? 'system/heartbeat' : channel, message.event, data)
  }
}

/** Reads `/api/v1/leases/stream` in both styles; types come out with underscores. */
export function decodeLeases(message: SseMessage): TidingsEvent | null {
  const data = jsonOrText(message.data)
  if (message.event === 'heartbeat') return named(message, 'system/heartbeat', 'heartbeat', data)
  if (message.event === 'data_changed') return named(message, 'dhcp/leases', 'data_changed', data)
  const told = asObject(data)?.event_type
  const type = typeof told === 'string' ? told : message.event.replaceAll('-', '_')
  return named(message, LEASE_CHANGES, type, data)
}

function named(message: SseMessage, channel: string, type: string, data: unknown): TidingsEvent {
  const told = asObject(data)?.timestamp
  const timestamp = typeof told === 'string' ? Date.parse(told) : Number.NaN
  return {
    id: message.id || null,
    channel,
    type,
    timestamp: Number.isNaN(timestamp) ? null : timestamp,
    data,
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
