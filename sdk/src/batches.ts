/** Delivers events in batches, once per animation frame or period. */
import type { BatchOptions, TidingsEvent } from './api.js'
import type { Subscribe } from './client.js'

/** Period while no frames are painted: in a hidden page, a worker, a program. */
const UNPAINTED_MS = 250

/** Follows a channel and hands its events over in batches; returns the end of it. */
export function batches(
  subscribe: Subscribe,
  name: string,
  handler: (events: TidingsEvent[]) => void,
  options: BatchOptions,
): () => void {
  const { every = 'frame', max = 5_000, ...own } = options
  const isFrame = every === 'frame'
  let batch: TidingsEvent[] = []
  let cancel: (() => void) | undefined

  function take(): TidingsEvent[] {
    const taken = batch
    cancel?.()
    cancel = undefined
    batch = []
    return taken
  }

  function flush(): void {
    const events = take()
    if (events.length) handler(events)
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

  const end = subscribe(
    name,
    (event) => {
      if (batch.length >= max) {
        take()
        own.onGap?.({ reason: 'overflow', channels: [name], from: null, to: event.id })
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
