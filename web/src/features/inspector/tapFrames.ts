/** Lets the inspector see what a stream says of itself: greeting, heartbeats, `ready`, `reset`, positions. */

import type { SseMessage, TidingsEvent, Transport } from 'tidings'

/** Channel of the frames that belong to none. */
export const STREAM = ''
export const HEARTBEAT = 'system/heartbeat'

/** Takes a frame as a row of the list, and as it stood on the wire. */
export type FrameHandler = (frame: TidingsEvent, wire: string) => void

/** Returns a transport that also tells the frames that are no events. */
export function tapFrames(transport: Transport, onFrame: FrameHandler): Transport {
  const tell = (type: string, data: unknown, id: string | null, wire: string): void =>
    onFrame({ id, channel: STREAM, type, timestamp: null, data }, wire)
  return (request, sink) =>
    transport(request, {
      ...sink,
      message(message) {
        const frame = controlFrame(message)
        if (frame) onFrame(frame, wireOf(message))
        sink.message(message)
      },
      position(id) {
        tell('id', id, id, `id: ${id}`)
        sink.position(id)
      },
      retry(ms) {
        tell('retry', ms, null, `retry: ${ms}`)
        sink.retry(ms)
      },
    })
}

/** Returns what a message says of the stream; null for an event. */
function controlFrame({ id, event, data }: SseMessage): TidingsEvent | null {
  const value = parsed(data)
  if (event !== 'message') {
    return { id, channel: STREAM, type: event, timestamp: null, data: value }
  }
  // Members of the envelope, if it is one.
  const envelope = (value ?? {}) as Partial<Record<'type' | 'event' | 'data', unknown>>
  if (envelope.type === 'connected' && id === null) {
    return { id, channel: STREAM, type: 'connected', timestamp: null, data: envelope.data }
  }
  if (envelope.type !== HEARTBEAT) return null
  const type = String(envelope.event ?? 'heartbeat')
  return { id, channel: HEARTBEAT, type, timestamp: null, data: envelope.data }
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

function wireOf({ id, event, data }: SseMessage): string {
  const lines = data.split('\n').map((line) => `data: ${line}`)
  if (event !== 'message') lines.unshift(`event: ${event}`)
  if (id !== null) lines.unshift(`id: ${id}`)
  return lines.join('\n')
}
