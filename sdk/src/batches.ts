/** Delivers events in batches, once per animation frame or period. */
import type { BatchOptions, TidingsEvent } from './api.js'
import type { Subscribe } from './client.js'

/** Period while no frames are painted. */
const HIDDEN_MS = 250

/** Follows a channel and hands its events over in batches; returns the end of it. */
export function batches(
  subscribe: Subscribe,
  name: string,
  handler: (events: TidingsEvent[]) => void,
  options: BatchOptions,
): () => void {
  const { every = 'frame', max = 5_000, ...own } = options
  let batch: TidingsEvent[] = []
  let cancel: (() => void) | null = null

  function flush(): void {
    cancel = null
    const events = batch
    batch = []
    if (events.length) handler(events)
  }

  function schedule(): () => void {
    const isPainted =
      typeof requestAnimationFrame === 'function' &&
      !(typeof document === 'object' && document.hidden)
    if (every === 'frame' && isPainted) {
      const frame = requestAnimationFrame(flush)
      return () => cancelAnimationFrame(frame)
    }
    const timer = setTimeout(flush, every === 'frame' ? HIDDEN_MS : every)
    return () => clearTimeout(timer)
  }

  function onVisibility(): void {
    // A frame asked for before the page was hidden would only come when it is shown again.
    if (!cancel) return
    cancel()
    cancel = schedule()
  }

  const hasPage = every === 'frame' && typeof document === 'object'
  if (hasPage) document.addEventListener('visibilitychange', onVisibility)
  const end = subscribe(
    name,
    (event) => {
      if (batch.length >= max) {
        batch = []
        own.onGap?.({ reason: 'overflow', channels: [name], from: null, to: event.id })
      }
      batch.push(event)
      cancel ??= schedule()
    },
    {
      ...own,
      onGap(gap) {
        // What was gathered came before the gap; handled after it, it would overwrite what is loaded anew.
        cancel?.()
        flush()
        own.onGap?.(gap)
      },
    },
  )
  return () => {
    end()
    cancel?.()
    cancel = null
    batch = []
    if (hasPage) document.removeEventListener('visibilitychange', onVisibility)
  }
}
