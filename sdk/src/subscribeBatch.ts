/** Delivers events in batches, once per animation frame or period. */
import type {
  BatchOptions,
  ChannelKey,
  ChannelMap,
  DataOf,
  TidingsClient,
  TidingsEvent,
} from './api.js'

/** Period while no frames are painted: in a hidden page, a worker, a program. */
const UNPAINTED_MS = 250

/** Follows a channel or pattern and hands its events over in batches; returns the end of it. */
export function subscribeBatch<
  Channels extends ChannelMap,
  Channel extends ChannelKey<Channels>,
  Data = DataOf<Channels, Channel>,
>(
  client: TidingsClient<Channels>,
  channel: Channel,
  handler: (events: TidingsEvent<Data>[]) => void,
  options: BatchOptions<Data> = {},
): () => void {
  const { every = 'frame', max = 5_000, ...own } = options
  const isFrame = every === 'frame'
  let batch: TidingsEvent<Data>[] = []
  let cancel: (() => void) | undefined

  function take(): TidingsEvent<Data>[] {
    const taken = batch
    cancel?.()
    cancel = undefined
    batch = []
    return taken
  }

  function flush(): void {
    const events = take()
    if (events.length) client.call(handler, events)
  }

  function schedule(): () => void {
    // Frames stop while the page is hidden, so a timer runs beside them.
    const timer = setTimeout(flush, isFrame ? UNPAINTED_MS : every)
    const frame = isFrame && globalThis.requestAnimationFrame?.(flush)
    return () => {
      clearTimeout(timer)
      if (frame) cancelAnimationFrame(frame)
    }
  }

  const end = client.subscribe<Channel, Data>(
    channel,
    (event) => {
      if (batch.length >= max) {
        take()
        own.onGap?.({ reason: 'overflow', channels: [channel], from: null, to: event.id })
      }
      batch.push(event)
      cancel ??= schedule()
    },
    {
      ...own,
      onGap(gap) {
        // What was gathered came before the gap; handled after it, it would overwrite what is loaded anew.
        flush()
        own.onGap?.(gap)
      },
    },
  )
  return () => {
    end()
    take()
  }
}
