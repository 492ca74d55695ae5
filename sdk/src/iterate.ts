/** Hands events out by an asynchronous iterator with a bounded buffer. */
import type { StreamOptions, TidingsEvent } from './api.js'
import type { Subscribe } from './client.js'
import { makeError } from './makeError.js'

type Result = IteratorResult<TidingsEvent, undefined>

/** Follows a channel; the subscription lives until the iterator is left. */
export function iterate(
  subscribe: Subscribe,
  name: string,
  options: StreamOptions,
): AsyncIterableIterator<TidingsEvent> {
  const { buffer = 1_000, signal, ...own } = options
  const done: Result = { done: true, value: undefined }
  let readers: ((result: Result) => void)[] = []
  let events: TidingsEvent[] = []
  let failure: Error | undefined
  let isOver = false

  function finish(): Result {
    isOver = true
    end()
    signal?.removeEventListener('abort', finish)
    for (const answer of readers) answer(done)
    readers = []
    return done
  }

  const end = subscribe(
    name,
    (event) => {
      const answer = readers.shift()
      if (answer) {
        answer({ value: event })
        return
      }
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
    },
    own,
  )
  signal?.addEventListener('abort', finish)
  if (signal?.aborted) finish()

  return {
    async next() {
      const event = events.shift()
      if (event) return { value: event }
      const cause = failure
      failure = undefined
      if (cause) throw cause
      return isOver ? done : new Promise((resolve) => readers.push(resolve))
    },
    async return() {
      events = []
      return finish()
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
