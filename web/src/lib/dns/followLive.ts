/** Follows what is asked as it happens, filtered by the server. */

import type { DnsLiveBatch } from 'tidings'
import { dnsLiveBatchSchema } from 'tidings/schemas'
import * as z from 'zod/mini'
import { ApiError, request } from '../api.ts'
import { client } from '../client.ts'

/** Rest after a refusal that time may heal: a server that is away, or too many filters in use. */
const RETRY_MS = 10_000

const answer = z.object({ channel: z.string(), filter: z.string() })

export interface LiveHandlers {
  onBatch(batch: DnsLiveBatch): void
  /** Nothing is missed from here on; `isAgain` after a break, in which something may have come. */
  onLive(isAgain: boolean): void
  /** The server refuses the filter, or cannot be asked; the latter is tried again. */
  onError(error: ApiError): void
}

/**
 * Has the server filter the log as it happens; returns how to stop.
 *
 * The server forgets a filter that nobody follows for half a minute, so each new stream asks anew.
 */
export function followLive(filter: string, handlers: LiveHandlers): () => void {
  const abort = new AbortController()
  let channel: string | null = null
  let stopChannel: (() => void) | null = null
  let timer: ReturnType<typeof setTimeout> | undefined
  let isAgain = false

  async function watch(): Promise<void> {
    clearTimeout(timer)
    try {
      const found = await watchedChannel(filter, abort.signal)
      if (abort.signal.aborted) return
      if (found === channel) handlers.onLive(true)
      else subscribe(found)
    } catch (error) {
      if (abort.signal.aborted || !(error instanceof ApiError)) return
      handlers.onError(error)
      if (error.status !== 400) timer = setTimeout(watch, RETRY_MS)
    }
  }

  function subscribe(found: string): void {
    stopChannel?.()
    channel = found
    stopChannel = client.subscribe(
      found,
      ({ data }: { readonly data: DnsLiveBatch }) => handlers.onBatch(data),
      {
        schema: dnsLiveBatchSchema,
        onLive: () => {
          handlers.onLive(isAgain)
          isAgain = true
        },
      },
    )
  }

  void watch()
  const stopConnection = client.onConnectionChange(({ status }, before) => {
    if (status === 'open' && before.status !== 'open' && channel !== null) void watch()
  })
  return () => {
    abort.abort()
    clearTimeout(timer)
    stopConnection()
    stopChannel?.()
  }
}

async function watchedChannel(filter: string, signal: AbortSignal): Promise<string> {
  const response = await request('/api/v1/dns/log/live', {
    method: 'POST',
    body: { filter },
    signal,
  })
  return answer.parse(await response.json()).channel
}
