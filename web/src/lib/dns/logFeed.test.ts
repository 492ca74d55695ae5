/** Tests of filling the query log: first page, live batches, breaks, the past. */

import type { DnsLoggedQuery } from 'tidings'
import { expect, test } from 'vitest'
import { ApiError } from '../api.ts'
import type { LiveHandlers } from './followLive.ts'
import { createLogFeed, type LogFeed } from './logFeed.ts'
import type { LogPage, LogPageRequest } from './logPage.ts'

function entry(id: number): DnsLoggedQuery {
  return {
    id: String(id),
    at: '2030-01-01T00:00:00Z',
    at_ms: id,
    client: '192.0.2.7',
    transport: 'udp',
    name: 'www.example',
    type: 'A',
    status: 'forwarded',
    rcode: 'NOERROR',
    reason: null,
    upstream: null,
    duration_ms: 1,
    addresses: [],
    authentic: false,
  }
}

interface Setting {
  readonly feed: LogFeed
  readonly requests: LogPageRequest[]
  readonly live: () => LiveHandlers
  readonly isStopped: () => boolean
}

/** A server that holds these entries, newest first. */
function setting(ids: () => readonly number[], error?: ApiError, isLive = true): Setting {
  const requests: LogPageRequest[] = []
  let handlers: LiveHandlers | undefined
  let isStopped = false
  const feed = createLogFeed(
    { filter: 'type:A', storedFilter: 'type:A after:1h', isLive },
    {
      fetchPage: async (request): Promise<LogPage> => {
        requests.push(request)
        if (error) throw error
        const wanted = ids().filter((id) => request.before === null || id < Number(request.before))
        const entries = wanted.slice(0, request.limit).map(entry)
        const last = entries.at(-1)
        const next_cursor = last && wanted.length > entries.length ? last.id : null
        return { entries, next_cursor, trouble: null }
      },
      follow: (_, given) => {
        handlers = given
        return () => {
          isStopped = true
        }
      },
      pollWhileDown: () => () => undefined,
    },
  )
  const live = (): LiveHandlers => {
    if (!handlers) throw new Error('nothing is followed')
    return handlers
  }
  feed.start()
  return { feed, requests, live, isStopped: () => isStopped }
}

const down = (from: number, to: number): number[] =>
  Array.from({ length: from - to }, (_, n) => from - n)

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))

test('the newest page comes first, the past in pages behind it', async () => {
  const { feed, requests } = setting(() => down(500, 0))
  await settled()
  expect(feed.state()).toMatchObject({ status: 'ready', isEnd: false })
  expect(feed.log.oldestId()).toBe('301')
  feed.loadOlder()
  feed.loadOlder()
  await settled()
  feed.loadOlder()
  await settled()
  expect(feed.log.rows.size).toBe(500)
  expect(feed.state().isEnd).toBe(true)
  feed.loadOlder()
  expect(requests.map(({ before }) => before)).toEqual([null, '301', '101'])
  expect(requests[0]?.filter).toBe('type:A after:1h')
})

test('what is left out of a batch is counted until the list is loaded anew', async () => {
  let ids = down(10, 0)
  const { feed, live } = setting(() => ids)
  await settled()
  live().onBatch({ entries: [entry(11)], matching: 41, dropped: 40 })
  expect(feed.state().nLeftOut).toBe(40)
  ids = down(51, 0)
  feed.reload()
  await settled()
  expect(feed.state().nLeftOut).toBe(0)
  expect(feed.log.rows.size).toBe(51)
})

test('after a break the newest are asked for, and the past again where they do not meet', async () => {
  let ids = down(100, 0)
  const { feed, live, requests } = setting(() => ids)
  await settled()
  expect(feed.state().isEnd).toBe(true)
  ids = down(150, 0)
  live().onLive(true)
  await settled()
  expect(requests.at(-1)?.limit).toBe(1000)
  expect(feed.log.rows.size).toBe(150)
  expect(feed.state().isEnd).toBe(true)
  ids = down(5000, 0)
  live().onLive(true)
  await settled()
  expect(feed.log.oldestId()).toBe('4001')
  expect(feed.state().isEnd).toBe(false)
})

test('a filter that is not understood is refused, a server that is away fails', async () => {
  const refused = setting(() => [], new ApiError('column 1', 400, null))
  await settled()
  expect(refused.feed.state()).toMatchObject({ status: 'refused', error: { message: 'column 1' } })
  const away = setting(() => [], new ApiError('away', null, null))
  await settled()
  expect(away.feed.state().status).toBe('failed')
})

test('a stretch of the past is not followed, and what is followed is let go', async () => {
  const past = setting(() => [1], undefined, false)
  expect(past.live).toThrow('nothing is followed')
  const { feed, isStopped } = setting(() => [1])
  feed.stop()
  expect(isStopped()).toBe(true)
})
