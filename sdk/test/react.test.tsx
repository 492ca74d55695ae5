// @vitest-environment happy-dom
/** The hooks, also under StrictMode, which mounts every effect twice. */
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, cleanup, render } from '@testing-library/react'
import { type ReactNode, StrictMode } from 'react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TidingsClient, TidingsEvent } from '../src/api.js'
import { createClient } from '../src/client.js'
import {
  TidingsProvider,
  useChannel,
  useChannelState,
  useConnection,
  useConnectionNotice,
} from '../src/react.js'
import { useInvalidateOnEvent } from '../src/react-query.js'
import { fakeTransport } from './support/fakeTransport.js'

let fake: ReturnType<typeof fakeTransport>
let client: TidingsClient

const pass = (ms = 0): Promise<unknown> => act(() => vi.advanceTimersByTimeAsync(ms))

function show(children: ReactNode): ReturnType<typeof render> {
  return render(
    <StrictMode>
      <TidingsProvider client={client}>{children}</TidingsProvider>
    </StrictMode>,
  )
}

beforeEach(() => {
  vi.useFakeTimers()
  fake = fakeTransport()
  client = createClient({
    url: 'http://hub.test/api/sse/stream',
    transport: fake.transport,
    patch: async () => {},
  })
})
afterEach(() => {
  cleanup()
  client.close()
  vi.useRealTimers()
})

test('1: StrictMode opens one stream, and leaving the page gives it back', async () => {
  const Rows = () => {
    useChannel('a', () => {})
    useChannel('b', () => {})
    return null
  }
  const page = show(<Rows />)
  await pass()
  expect(fake.streams).toHaveLength(1)
  expect(fake.last().channels).toEqual(['a', 'b'])
  page.unmount()
  await pass(1_000)
  expect(fake.last().isAborted).toBe(true)
})

test('useChannel hands over batches, renders nothing by itself, and uses the newest handler', async () => {
  let nRenders = 0
  const seen: string[] = []
  const Rows = ({ label, enabled }: { label: string; enabled: boolean }) => {
    nRenders++
    useChannel(
      'a',
      (events) => {
        for (const { data } of events) seen.push(`${label}${data}`)
      },
      { every: 10, enabled, types: ['test'] },
    )
    return null
  }
  const page = show(<Rows label="x" enabled />)
  await pass()
  fake.last().open().ready()
  const before = nRenders
  fake.last().event('a', 1).event('a', 2).event('a', 3, null, 'other')
  await pass(10)
  expect(seen).toEqual(['x1', 'x2'])
  expect(nRenders).toBe(before)
  const again = (label: string, enabled: boolean) =>
    page.rerender(
      <StrictMode>
        <TidingsProvider client={client}>
          <Rows label={label} enabled={enabled} />
        </TidingsProvider>
      </StrictMode>,
    )
  again('y', true)
  fake.last().event('a', 4)
  await pass(10)
  again('y', false)
  fake.last().event('a', 5)
  await pass(10)
  expect(seen).toEqual(['x1', 'x2', 'y4'])
  expect(fake.streams).toHaveLength(1)
})

test('useConnection renders when what it selects changes, and not otherwise', async () => {
  let nRenders = 0
  const Label = () => {
    nRenders++
    return <p>{useConnection(({ status }) => status)}</p>
  }
  const page = show(<Label />)
  client.subscribe('a', () => {})
  await pass()
  expect(page.container.textContent).toBe('connecting')
  await act(async () => fake.last().open())
  expect(page.container.textContent).toBe('open')
  const before = nRenders
  await act(async () => {
    fake.last().ready().event('a', 1)
  })
  expect(nRenders).toBe(before)
})

test('useConnectionNotice tells one loss', async () => {
  const told: string[] = []
  const Notice = () => {
    useConnectionNotice({ lost: () => told.push('lost'), restored: () => told.push('restored') })
    return null
  }
  show(<Notice />)
  client.subscribe('a', () => {})
  await pass()
  fake.last().open().ready()
  vi.spyOn(Math, 'random').mockReturnValue(0.999)
  fake.last().fail()
  await pass(10)
  const { length } = fake.streams
  await pass(990)
  expect(fake.streams.length).toBeGreaterThan(length)
  expect(told).toEqual(['lost'])
  await act(async () => fake.last().open({ recovered: true }))
  expect(told).toEqual(['lost', 'restored'])
})

interface Counter {
  version: number
  names: string[]
}
type Change = TidingsEvent<{ version: number; name: string }>

/** A page of names, whose snapshots the test hands out. */
function namesPage() {
  const loads: ((counter: Counter) => void)[] = []
  const fails: ((cause: Error) => void)[] = []
  const Names = () => {
    const { state, status } = useChannelState('names', {
      initial: { version: 0, names: [] as string[] },
      every: 10,
      snapshot: () =>
        new Promise<Counter>((resolve, reject) => {
          loads.push(resolve)
          fails.push(reject)
        }),
      isOld: (event: Change, loaded) => event.data.version <= loaded.version,
      reduce: (before, events) =>
        events.reduce(
          ({ names }, { data }) => ({ version: data.version, names: [...names, data.name] }),
          before,
        ),
    })
    return (
      <p>
        {status}: {state.names.join(' ')}
      </p>
    )
  }
  const page = show(<Names />)
  const answer = (...names: string[]) =>
    act(async () => loads.at(-1)?.({ version: names.length, names }))
  return { loads, fails, answer, text: () => page.container.textContent }
}

test('9: useChannelState loads after the stream is live, and neither loses nor doubles', async () => {
  const { loads, answer, text } = namesPage()
  await pass()
  expect(text()).toBe('loading: ')
  // The first load does not wait for the stream; the one after `ready` counts.
  const before = loads.length
  fake.last().open().ready()
  await pass()
  expect(loads).toHaveLength(before + 1)
  fake
    .last()
    .event('names', { version: 2, name: 'two' })
    .event('names', { version: 3, name: 'three' })
  await pass(10)
  expect(text()).toBe('loading: ')
  await answer('one', 'two')
  expect(text()).toBe('ready: one two three')
  fake.last().event('names', { version: 4, name: 'four' })
  await pass(10)
  expect(text()).toBe('ready: one two three four')
})

test('9: after a gap the state is loaded anew, and what is shown stays meanwhile', async () => {
  const { answer, text } = namesPage()
  await pass()
  fake.last().open().ready()
  await pass()
  await answer('one')
  fake.last().send({ channels: null, reason: 'lagged' }, { event: 'reset' })
  fake.last().event('names', { version: 4, name: 'four' })
  await pass(10)
  expect(text()).toBe('ready: one')
  await answer('one', 'two', 'three')
  expect(text()).toBe('ready: one two three four')
})

test('9: a load that fails keeps what is known and is tried again', async () => {
  const { loads, fails, answer, text } = namesPage()
  await pass()
  fake.last().open().ready()
  await pass()
  await act(async () => fails.at(-1)?.(new Error('503')))
  expect(text()).toBe('error: ')
  const before = loads.length
  await pass(1_000)
  expect(loads).toHaveLength(before + 1)
  await answer('one')
  expect(text()).toBe('ready: one')
})

test('useInvalidateOnEvent invalidates at once, then at most once in its period, and after a gap', async () => {
  const queries = new QueryClient()
  const invalidate = vi.spyOn(queries, 'invalidateQueries')
  const Page = () => {
    useInvalidateOnEvent('a', [['leases'], ['stats']], { everyMs: 100 })
    useInvalidateOnEvent('b', ({ data }) => [['item', data]], { everyMs: 100 })
    return null
  }
  show(
    <QueryClientProvider client={queries}>
      <Page />
    </QueryClientProvider>,
  )
  await pass()
  fake.last().open().ready()
  const keys = () => invalidate.mock.calls.map(([filters]) => filters?.queryKey)
  fake.last().event('a', 1).event('a', 2).event('b', 7)
  expect(keys()).toEqual([['leases'], ['stats'], ['item', 7]])
  await pass(100)
  expect(keys()).toHaveLength(5)
  invalidate.mockClear()
  await pass(1_000)
  fake.last().send({ channels: ['b'], reason: 'trimmed' }, { event: 'reset' })
  expect(keys()).toEqual([[]])
})
