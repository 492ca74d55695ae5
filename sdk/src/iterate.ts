/** Hands events out by an asynchronous iterator with a bounded buffer. */
import type {
  ChannelKey,
  ChannelMap,
  DataOf,
  IterateOptions,
  TidingsClient,
  TidingsEvent,
} from './api.js'
import { makeError } from './makeError.js'

/** Follows a channel or pattern from now on, with `for await`; leaving the loop ends the subscription. */
export function iterate<
  Channels extends ChannelMap,
  Channel extends ChannelKey<Channels>,
  Data = DataOf<Channels, Channel>,
>(
  client: TidingsClient<Channels>,
  channel: Channel,
  { buffer = 1_000, ...own }: IterateOptions<Data> = {},
): AsyncIterableIterator<TidingsEvent<Data>> {
  let events: TidingsEvent<Data>[] = []
  let failure: Error | undefined
  let isOver = false
  let wake = (): void => {}

  const end = client.subscribe<Channel, Data>(
    channel,
    (event) => {
      if (events.length >= buffer) {
        events = []
        own.onGap?.({ reason: 'overflow', channels: [channel], from: null, to: event.id })
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

  async function* read(): AsyncGenerator<TidingsEvent<Data>, undefined> {
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
