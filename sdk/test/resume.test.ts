/** Resuming where the stream was, gaps, duplicates, and the newest values of state channels. */
import { describe, expect, test } from 'vitest'
import type { Gap } from '../src/api.js'
import {
  client,
  data,
  eachTestHasAClient,
  errors,
  fake,
  gaps,
  keep,
  lose,
  make,
  opened,
  pass,
} from './support/client.js'

eachTestHasAClient()

describe('5: resume and gaps', () => {
  test('the position goes with every reconnect, and nothing is a gap when it recovered', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2, 'p2')
    await lose()
    expect(fake.last().request.lastEventId).toBe('p2')
    fake.last().open({ recovered: true }).event('a', 3, 'p3').ready()
    expect(data()).toEqual([1, 2, 3])
    expect(gaps).toEqual([])
    expect(client.connection.recovered).toBe(true)
  })

  test('a block of only an id moves the position', async () => {
    await opened()
    fake.last().sink.position('p9')
    await lose()
    expect(fake.last().request.lastEventId).toBe('p9')
  })

  test('control frames and state do not move it', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2).send('{}', { event: 'dropped' })
    expect(client.stats().lastEventId).toBe('p1')
  })

  test('an explicit empty id clears it', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 2, '')
    expect(client.stats().lastEventId).toBeNull()
    expect(data()).toEqual([1, 2])
  })

  test('a reconnect that says nothing of recovery is a gap for every subscription', async () => {
    await opened()
    const told: Gap[] = []
    client.subscribe('a', keep, { onGap: (gap) => told.push(gap) })
    await lose()
    fake.last().open()
    expect(told).toEqual([{ reason: 'unrecovered', channels: null, from: null, to: null }])
    expect(client.stats().gaps).toBe(1)
  })

  test('a server that greets nobody is a gap before its first event', async () => {
    const order: unknown[] = []
    make({ onGap: ({ reason }) => order.push(reason) })
    client.subscribe('a', (event) => order.push(event.data))
    await pass()
    fake.last().sink.open()
    fake.last().event('a', 1)
    await lose()
    fake.last().sink.open()
    fake.last().event('a', 2)
    expect(order).toEqual([1, 'unrecovered', 2])
  })

  test('reset names its channels, once, before what follows', async () => {
    await opened()
    const told: unknown[] = []
    client.subscribe('b', keep, { onGap: () => told.push('b') })
    client.subscribe('a*/x', keep, { onGap: () => told.push('a*/x') })
    client.subscribe('a', ({ data }) => told.push(data), { onGap: () => told.push('a') })
    await pass()
    fake.last().open({ recovered: true }).ready()
    fake.last().event('a', 1, 'p1')
    await lose()
    fake
      .last()
      .open({ recovered: false })
      .send(
        { channels: ['a'], reason: 'trimmed', from: 'p1', to: 'p5' },
        { event: 'reset', id: 'p5' },
      )
      .event('a', 6, 'p6')
      .ready()
    expect(told).toEqual([1, 'a', 6])
    expect(gaps).toEqual([{ channels: ['a'], reason: 'trimmed', from: 'p1', to: 'p5' }])
  })

  test('not recovered and no reset either is a gap, at the latest when it is ready', async () => {
    await opened()
    await lose()
    fake.last().open({ recovered: false })
    expect(gaps).toEqual([])
    fake.last().ready()
    expect(gaps).toMatchObject([{ reason: 'unrecovered' }])
  })

  test('a reset moves the position', async () => {
    await opened()
    fake
      .last()
      .send(
        { channels: null, reason: 'lagged', from: 'p1', to: 'p5' },
        { event: 'reset', id: 'p5' },
      )
    expect(client.stats().lastEventId).toBe('p5')
  })

  test('an event that was too large is a gap', async () => {
    await opened()
    fake.last().sink.overflow()
    expect(gaps).toMatchObject([{ reason: 'overflow' }])
    expect(errors).toMatchObject([{ code: 'overflow' }])
  })

  test('own ids are seen once; events without one are never duplicates', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').event('a', 1, 'p1').event('a', 'state').event('a', 'state')
    expect(data()).toEqual([1, 'state', 'state'])
    expect(client.stats().duplicates).toBe(1)
  })

  test('the ring of ids forgets the oldest, and all after a gap', async () => {
    await opened({ dedupe: 3 })
    for (const id of ['p1', 'p2', 'p3', 'p4']) fake.last().event('a', id, id)
    fake.last().event('a', 'p4 again', 'p4').event('a', 'p1 again', 'p1')
    expect(data()).toEqual(['p1', 'p2', 'p3', 'p4', 'p1 again'])
    fake.last().send({ channels: null, reason: 'epoch' }, { event: 'reset' })
    fake.last().event('a', 'p4 after', 'p4')
    expect(data().at(-1)).toBe('p4 after')
  })

  test('dropped ephemeral events are counted and told, and are no gap', async () => {
    const dropped: number[] = []
    await opened()
    client.subscribe('a', keep, { onDropped: (n) => dropped.push(n) })
    fake.last().send({ dropped: 7 }, { event: 'dropped' })
    expect(dropped).toEqual([7])
    expect(client.stats().dropped).toBe(7)
    expect(gaps).toEqual([])
  })

  test('onLive comes once, when the server follows the name', async () => {
    const live: string[] = []
    make({ patch: async () => {} })
    client.subscribe('a', keep, { onLive: () => live.push('a') })
    await pass()
    fake.last().open()
    expect(live).toEqual([])
    fake.last().ready()
    client.subscribe('b/*', keep, { onLive: () => live.push('b') })
    await pass()
    expect(live).toEqual(['a'])
    fake.last().ready(['a', 'b/*'])
    await lose()
    fake.last().open({ recovered: true }).ready()
    expect(live).toEqual(['a', 'b'])
  })

  test('state is kept for late subscribers, ephemeral events are not', async () => {
    make()
    client.subscribe('x/**', keep)
    await pass()
    fake.last().open().event('x/state', 1).ready().event('x/state', 2).event('x/log', 3)
    const late: unknown[] = []
    client.subscribe('x/**', (event) => late.push(event.data))
    await pass()
    expect(late).toEqual([2])
  })
})

test('state of a channel added by PATCH is kept, also when the first ready comes after the call', async () => {
  make({ patch: () => new Promise(() => {}) })
  client.subscribe('a', keep)
  await pass()
  fake.last().open()
  client.subscribe('b', keep)
  await pass()
  fake.last().ready(['a']).event('b', 1).ready(['a', 'b'])
  const late: unknown[] = []
  client.subscribe('b', (event) => late.push(event.data))
  await pass()
  expect(late).toEqual([1])
})
