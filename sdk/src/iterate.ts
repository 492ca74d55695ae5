/** Hands events out by an asynchronous iterator with a bounded buffer. */
import type { StreamOptions, TidingsEvent } from './api.js'
import type { Subscribe } from './client.js'
import { makeError } from './makeError.js'

type Result = IteratorResult<TidingsEvent, undefined>

const DONE: Result = { done: true, value: undefined }

/** Follows a channel; the subscription lives until the iterator is left. */
export function iterate(
  subscribe: Subscribe,
  name: string,
  options: StreamOptions,
): AsyncIterableIterator<TidingsEvent> {
  const { buffer = 1_000, ...own } = options
  const waiting: ((result: Result) => void)[] = []
  let events: TidingsEvent[] = []
  let failure: Error | null = null
  let isOver = false

  function finish(): void {
    isOver = true
    end()
    own.signal?.removeEventListener('abort', finish)
    for (const answer of waiting.splice(0)) answer(DONE)
  }

  const end = subscribe(
    name,
    (event) => {
      const reader = waiting.shift()
      if (reader) {
        reader({ done: false, value: event })
        return
      }
      if (events.length >= buffer) {
        events = []
        if (!own.onGap) {
          failure = makeError('overflow', `more than ${buffer} events waited to be read`)
          finish()
          return
        }
        own.onGap({ reason: 'overflow', channels: [name], from: null, to: event.id })
      }
      events.push(event)
    },
    own,
  )
  if (own.signal?.aborted) isOver = true
  else own.signal?.addEventListener('abort', finish)

  return {
    async next() {
      const event = events.shift()
      if (event) return { done: false, value: event }
      if (failure) {
        const cause = failure
        failure = null
        throw cause
      }
      if (isOver) return DONE
      return new Promise<Result>((resolve) => waiting.push(resolve))
    },
    async return() {
      events = []
      finish()
      return DONE
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
