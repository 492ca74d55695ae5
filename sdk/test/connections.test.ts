/** One connection for all subscriptions, and the states that it goes through. */
import { describe, expect, test, vi } from 'vitest'
import {
  client,
  data,
  eachTestHasAClient,
  fake,
  gaps,
  keep,
  make,
  opened,
  pass,
} from './support/client.js'

eachTestHasAClient()

describe('1: one connection', () => {
  test('subscriptions of one turn make one request', async () => {
    make()
    for (const name of ['a', 'b', 'c/*', 'a']) client.subscribe(name, keep)
    expect(fake.streams).toHaveLength(0)
    await pass()
    expect(fake.streams).toHaveLength(1)
    expect(fake.last().channels).toEqual(['a', 'b', 'c/*'])
  })

  test('the last end disconnects after the linger time', async () => {
    make({ lingerMs: 500 })
    const ends = ['a', 'b'].map((name) => client.subscribe(name, keep))
    await pass()
    fake.last().open()
    ends[0]?.()
    ends[1]?.()
    ends[1]?.()
    await pass(499)
    expect(fake.last().isAborted).toBe(false)
    await pass(1)
    expect(fake.last().isAborted).toBe(true)
    expect(client.connection).toMatchObject({ status: 'idle', reason: 'unused', downSince: null })
  })

  test('an end and a new subscription within the linger time keep the stream', async () => {
    await opened()
    client.subscribe('b', keep)()
    client.subscribe('b', keep)()
    await pass(5_000)
    expect(fake.streams).toHaveLength(1)
  })

  test('after it was unused, it starts from now and not from the old position', async () => {
    make()
    const end = client.subscribe('a', keep)
    await pass()
    fake.last().open().ready().event('a', 1, 'p1')
    end()
    await pass(1_000)
    client.subscribe('a', keep)
    await pass()
    expect(fake.last().request.lastEventId).toBeNull()
    fake.last().open().ready()
    expect(gaps).toEqual([])
  })

  test('a subscription made while connecting waits for the greeting and opens no second stream', async () => {
    const patches: unknown[] = []
    make({
      patch: async ({ add, remove, connectionId }) => {
        patches.push({ add, remove, connectionId })
      },
    })
    client.subscribe('a', keep)
    await pass()
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(1)
    fake.last().open()
    await pass()
    expect(fake.streams).toHaveLength(1)
    expect(patches).toEqual([{ add: ['b'], remove: [], connectionId: 'c1' }])
  })

  test('a fixed set of channels never changes the request', async () => {
    make({ channels: ['dns/**'] })
    client.subscribe('dns/status', keep)
    await pass()
    fake.last().open().ready(['dns/**'])
    client.subscribe('dns/info', keep)
    await pass(5_000)
    expect(fake.streams).toHaveLength(1)
    expect(fake.last().channels).toEqual(['dns/**'])
    fake.last().event('dns/info', 1)
    expect(data()).toEqual([1])
  })
})

describe('2: states', () => {
  test('connecting until the first open ever, then reconnecting', async () => {
    make()
    const statuses: string[] = []
    client.onConnectionChange(({ status }) => statuses.push(status), { emitCurrent: true })
    client.subscribe('a', keep)
    await pass()
    fake.last().fail()
    await pass(500)
    fake.last().open()
    fake.last().fail()
    await pass(1_000)
    fake.last().open()
    const changes = statuses.filter((status, i) => status !== statuses[i - 1])
    expect(changes).toEqual(['idle', 'connecting', 'open', 'reconnecting', 'open'])
  })

  test('a snapshot changes its identity only with its content', async () => {
    await opened()
    const before = client.connection
    fake.last().event('a', 1, 'p1')
    await pass(1_000)
    expect(client.connection).toBe(before)
  })

  test('a change of channels stays open, and the new stream resumes', async () => {
    await opened()
    fake.last().event('a', 1, 'p1')
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(fake.streams[0]?.isAborted).toBe(true)
    expect(fake.last().request.lastEventId).toBe('p1')
    await pass(1_400)
    expect(client.connection.status).toBe('open')
    fake.last().open({ recovered: true }).ready()
    await pass(5_000)
    expect(client.connection.status).toBe('open')
    expect(gaps).toEqual([])
  })

  test('a change of channels that takes longer than 1.5 s is a loss', async () => {
    await opened()
    client.subscribe('b', keep)
    await pass(1_499)
    expect(client.connection.status).toBe('open')
    await pass(1)
    expect(client.connection).toMatchObject({ status: 'reconnecting' })
    expect(client.connection.downSince).toBe(Date.now() - 1_500)
  })

  test('a failed PATCH falls back to a new stream', async () => {
    await opened({ patch: () => Promise.reject(new Error('forbidden')) })
    client.subscribe('b', keep)
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(fake.last().channels).toEqual(['a', 'b'])
    expect(client.connection.status).toBe('open')
  })

  test('a PATCH that ends after its stream does not hide what the new one lacks', async () => {
    let finish = (): void => {}
    await opened({ patch: () => new Promise((resolve) => (finish = resolve)) })
    client.subscribe('b', keep)
    await pass()
    fake.last().fail()
    await pass(500)
    fake.last().open({ recovered: true, client_id: 'c2' })
    finish()
    await pass()
    expect(fake.last().channels).toEqual(['a', 'b'])
    expect(fake.streams).toHaveLength(2)
  })

  test('offline labels a failed stream and slows it down, and leaves a live one alone', async () => {
    vi.stubGlobal('navigator', { onLine: false })
    await opened()
    expect(client.connection.status).toBe('open')
    fake.last().fail()
    expect(client.connection).toMatchObject({ status: 'offline', nextRetryAt: Date.now() + 30_000 })
    await pass(30_000)
    expect(fake.streams).toHaveLength(2)
  })

  test('the server says that it stops: reconnecting with the reason', async () => {
    await opened()
    fake.last().send({ reason: 'server_shutdown' }, { event: 'connection_close' })
    expect(client.connection).toMatchObject({
      status: 'reconnecting',
      error: { code: 'server_close' },
    })
  })

  test('a stream at the end of its lifetime is replaced without a word', async () => {
    await opened()
    fake.last().event('a', 1, 'p1').send({ reason: 'max_lifetime' }, { event: 'connection_close' })
    await pass()
    expect(fake.streams).toHaveLength(2)
    expect(client.connection.status).toBe('open')
  })

  test.each(['kicked', 'revoked'])(
    '%s stays away for a minute, whatever wakes it',
    async (reason) => {
      await opened()
      fake.last().send({ reason }, { event: 'connection_close' })
      expect(client.connection.nextRetryAt).toBe(Date.now() + 60_000)
    },
  )

  test.each([
    [{ status: 401, message: 'no token' }, 'unauthorized'],
    [{ status: 403, message: 'not for you' }, 'forbidden'],
  ])('rejected in the stream ends the tries: %o', async (told, code) => {
    await opened()
    fake.last().send(told, { event: 'rejected' })
    expect(client.connection).toMatchObject({
      status: 'closed',
      reason: 'auth',
      error: { code, message: told.message, status: told.status },
    })
    await pass(120_000)
    expect(fake.streams).toHaveLength(1)
  })
})
