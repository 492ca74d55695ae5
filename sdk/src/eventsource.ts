/** Entry `tidings/eventsource`: opens a stream with the browser's own `EventSource`. */
import type { Transport } from './api.js'
import { makeError } from './makeError.js'

/** Named frames about the stream itself, which the engine has to see. */
const CONTROL_NAMES = [
  'connection_established',
  'ready',
  'reset',
  'dropped',
  'connection_close',
  'rejected',
  'heartbeat',
]

/**
 * Makes a transport on `EventSource`, for places where it shows up better in tools or passes what `fetch` does not.
 *
 * It cannot send headers, so a token goes as `access_token` and the position as `last_event_id`; it sees no status, no
 * comments and no `retry:`. `names` are the event types of `format=named` streams to listen for.
 */
export function eventSourceTransport(
  names: readonly string[] = [],
  Impl?: typeof EventSource,
): Transport {
  return ({ url, token, lastEventId, options, signal }, sink) => {
    const asked = new URL(url)
    if (token) asked.searchParams.set('access_token', token)
    if (lastEventId) asked.searchParams.set('last_event_id', lastEventId)
    const source = new (Impl ?? EventSource)(asked, {
      withCredentials: options.credentials === 'include',
    })
    // A new source knows no id, whatever position it was asked to start from.
    let position = ''
    signal.addEventListener('abort', () => source.close())
    source.addEventListener('open', () => sink.open())
    source.addEventListener('error', () => {
      const isRefused = source.readyState === source.CLOSED
      // The engine comes back in its own time, so the source must not do so as well.
      source.close()
      sink.close(makeError('network', isRefused ? 'the stream was refused' : 'the stream ended'))
    })
    const take = (event: MessageEvent<string>): void => {
      sink.activity()
      // Every event shows the id in force; it is its own when it has changed.
      const isOwn = event.lastEventId !== position
      position = event.lastEventId
      const isAboutStream = CONTROL_NAMES.includes(event.type) && event.type !== 'reset'
      if (isOwn && isAboutStream) sink.position(position)
      sink.message({
        id: isOwn && !isAboutStream ? position : null,
        lastEventId: position,
        event: event.type,
        data: event.data,
      })
    }
    for (const name of new Set(['message', ...CONTROL_NAMES, ...names])) {
      source.addEventListener(name, take)
    }
  }
}
