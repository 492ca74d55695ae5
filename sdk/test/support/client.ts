/** A client on a transport that the test plays itself, and what the client told. */
import { afterEach, beforeEach, expect, vi } from 'vitest'
import type {
  ClientOptions,
  Gap,
  TidingsClient,
  TidingsError,
  TidingsEvent,
} from '../../src/api.js'
import { createClient } from '../../src/client.js'
import { fakeTransport } from './fakeTransport.js'

export let fake: ReturnType<typeof fakeTransport>
export let client: TidingsClient
export let got: TidingsEvent[]
export let gaps: Gap[]
export let errors: TidingsError[]

/** Lets microtasks and timers that are due run. */
export const pass = (ms = 0): Promise<unknown> => vi.advanceTimersByTimeAsync(ms)
export const keep = (event: TidingsEvent): void => {
  got.push(event)
}
export const data = (): unknown[] => got.map((event) => event.data)

/** Makes the client of the test; `undefined` takes an option away. */
export function make(options: Partial<ClientOptions> = {}): TidingsClient {
  client?.close()
  client = createClient({
    url: 'http://hub.test/api/sse/stream',
    transport: fake.transport,
    onGap: (gap) => gaps.push(gap),
    onError: (error) => errors.push(error),
    ...options,
  })
  return client
}

/** A client that follows `a` on an open, ready stream. */
export async function opened(options: Partial<ClientOptions> = {}): Promise<TidingsClient> {
  make(options).subscribe('a', keep)
  await pass()
  fake.last().open().ready()
  return client
}

/** Ends the stream and lets the next one be asked for. */
export async function lose(): Promise<void> {
  fake.last().fail()
  await pass(500)
}

/** Gives each test of the file a new client and a clock of its own, and looks for timers left behind. */
export function eachTestHasAClient(): void {
  beforeEach(() => {
    vi.useFakeTimers()
    vi.spyOn(Math, 'random').mockReturnValue(0.999_999)
    fake = fakeTransport()
    got = []
    gaps = []
    errors = []
  })
  afterEach(() => {
    client?.close()
    expect(vi.getTimerCount()).toBe(0)
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
}
