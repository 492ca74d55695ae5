/** Hands events out by an asynchronous iterator with a bounded buffer. */
import type { StreamOptions, TidingsEvent } from './api.js'
import type { Subscribe } from './client.js'
import { makeError } from './makeError.js'

/** Follows a channel from now on; the subscription lives until the iterator is left. */
export function iterate(
  subscribe: Subscribe,
  name: string,
  { buffer = 1_000, ...own }: StreamOptions,
): AsyncIterableIterator<TidingsEvent> {
  let events: TidingsEvent[] = []
  let failure: Error | undefined
  let isOver = false
  let wake = (): void => {}

  const end = subscribe(
    name,
    (event) => {
      if (events.length >= buffer) {
        events = []
        own.onGap?.({ reason: 'overflow', channels: [name], from: null, to: event.id })
        if (!own.onGap) {
          failure = makeError('overflow', `more than ${buffer} events waited`)
          finish()
          return
        }
      }
      events.push(event)
      wake()
    },
    own,
  )

  function finish(): void {
    isOver = true
    end()
    wake()
  }

  async function* read(): AsyncGenerator<TidingsEvent, undefined> {
    try {
      for (;;) {
        // One by one, so that an overflow while the reader is busy empties what it has not read.
        for (let event = events.shift(); event; event = events.shift()) yield event
        if (failure) throw failure
        if (isOver) return undefined
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      finish()
    }
  }

  const reader = read()
  const leave = reader.return.bind(reader)
  // A generator that has not begun skips its `finally`, and one that waits would not hear of the end.
  reader.return = (value) => {
    finish()
    return leave(value)
  }
  own.signal?.addEventListener('abort', finish)
  if (own.signal?.aborted) finish()
  return reader
}
