/** Events are applied at once, and versions decide what a snapshot still has to say. */

import type { ConnectionSnapshot, Gap, TidingsEvent } from 'tidings'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ApiError, type Versioned } from '../api.ts'
import type { FlashKind } from '../live/flashes.ts'
import { createLeaseStore, type LeaseStore } from './createLeaseStore.ts'
import { type Lease, makeLease, type WireLease } from './lease.ts'

function wire(address: string, patch: Partial<WireLease> = {}): WireLease {
  return {
    ip_address: address,
    mac_address: '02:00:00:00:00:01',
    hostname: 'printer',
    lease_time: '2030-01-01T00:00:00Z',
    expires: '2030-01-01T00:00:00Z',
    client_id: null,
    is_active: true,
    is_static: false,
    pool_name: 'lan',
    vendor: null,
    infinite: false,
    state: 'active',
    kind: 'v4',
    prefix_len: null,
    hwtype: 1,
    duid: null,
    iaid: null,
    vendor_class: null,
    source: 'home',
    is_simulated: false,
    ...patch,
  }
}

type Handler = (event: TidingsEvent) => void

/** A server and a stream that the test moves by hand. */
function makeWorld() {
  const handlers = new Map<string, Handler>()
  const gaps: ((gap: Gap) => void)[] = []
  let onConnection: ((now: ConnectionSnapshot, before: ConnectionSnapshot) => void) | undefined
  let version = 5
  let leases: WireLease[] = [wire('192.0.2.10')]
  const fetchLeases = vi.fn(async (etag: string | null): Promise<Versioned<Lease[]> | null> => {
    const tag = `"${version}"`
    if (etag === tag) return null
    return { data: leases.map(makeLease), etag: tag, version, isStale: false }
  })
  const store: LeaseStore = createLeaseStore({
    client: {
      subscribe: ((channel: string, handler: Handler, options: { onGap: (gap: Gap) => void }) => {
        handlers.set(channel, handler)
        gaps.push(options.onGap)
        return () => undefined
      }) as never,
      onConnectionChange: (listener) => {
        onConnection = listener
        return () => undefined
      },
    },
    fetchLeases,
    pollWhileDown: () => undefined,
  })
  const event = (channel: string, type: string, data: unknown): TidingsEvent => ({
    id: null,
    channel,
    type,
    timestamp: null,
    data,
  })
  return {
    store,
    fetchLeases,
    serve(nextVersion: number, next: WireLease[]) {
      version = nextVersion
      leases = next
    },
    change(type: string, lease: WireLease, at: number) {
      const data = { event_type: `lease_${type}`, change_type: type, lease, version: at }
      handlers.get('dhcp/leases/changes')?.(event('dhcp/leases/changes', `lease_${type}`, data))
    },
    word(at: number) {
      const data = { event_type: 'data_changed', version: at, source: 'file' }
      handlers.get('dhcp/leases')?.(event('dhcp/leases', 'data_changed', data))
    },
    whole(type: string, at: number) {
      const data = { counts: {}, version: at }
      handlers.get('dhcp/leases/changes')?.(event('dhcp/leases/changes', type, data))
    },
    gap: () => gaps[0]?.({ reason: 'trimmed', channels: null, from: null, to: null }),
    reopen() {
      // Only the members that the store looks at matter.
      const before = { status: 'reconnecting', everConnected: true } as ConnectionSnapshot
      onConnection?.({ ...before, status: 'open' }, before)
    },
    addresses: () => [...store.rows.values()].map((lease) => lease.wire.ip_address).sort(),
  }
}

let world: ReturnType<typeof makeWorld>
let flashes: (FlashKind | null)[]

beforeEach(async () => {
  vi.useFakeTimers()
  world = makeWorld()
  world.store.start()
  await vi.advanceTimersByTimeAsync(0)
  flashes = []
  world.store.onChanges((changes) => flashes.push(...changes.map((change) => change.flash)))
})

afterEach(() => {
  vi.useRealTimers()
})

describe('single changes', () => {
  test('are applied at once, each with its mark', () => {
    world.change('added', wire('192.0.2.11'), 6)
    world.change('updated', wire('192.0.2.11', { hostname: 'scanner' }), 7)
    world.change('renewed', wire('192.0.2.11', { expires: '2031-01-01T00:00:00Z' }), 8)
    world.change('removed', wire('192.0.2.10'), 9)
    expect(world.addresses()).toEqual(['192.0.2.11'])
    expect(flashes).toEqual(['added', 'updated', null, 'removed'])
    expect(world.store.version()).toBe(9)
    expect(world.fetchLeases).toHaveBeenCalledTimes(1)
  })

  test('an expired lease that the server still lists stays, marked red', () => {
    world.change('expired', wire('192.0.2.10', { state: 'expired', is_active: false }), 6)
    expect(world.addresses()).toEqual(['192.0.2.10'])
    world.change('expired', wire('192.0.2.10'), 7)
    expect(world.addresses()).toEqual([])
    expect(flashes).toEqual(['removed', 'removed'])
  })

  test('older than the snapshot are left aside', () => {
    world.change('removed', wire('192.0.2.10'), 5)
    expect(world.addresses()).toEqual(['192.0.2.10'])
    expect(flashes).toEqual([])
  })

  test('are compared with the server once after a rest', async () => {
    world.change('added', wire('192.0.2.11'), 6)
    world.serve(6, [wire('192.0.2.10'), wire('192.0.2.11')])
    await vi.advanceTimersByTimeAsync(2999)
    expect(world.fetchLeases).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(world.fetchLeases).toHaveBeenCalledTimes(2)
    expect(flashes).toEqual(['added'])
  })

  test('that come while a snapshot is on its way are laid over it', async () => {
    world.serve(6, [wire('192.0.2.10'), wire('192.0.2.11')])
    world.gap()
    world.change('added', wire('192.0.2.12'), 7)
    await vi.advanceTimersByTimeAsync(0)
    expect(world.addresses()).toEqual(['192.0.2.10', '192.0.2.11', '192.0.2.12'])
  })
})

describe('the word that something changed', () => {
  test('loads nothing when the single changes follow', async () => {
    world.word(6)
    world.change('added', wire('192.0.2.11'), 6)
    await vi.advanceTimersByTimeAsync(1000)
    expect(world.fetchLeases).toHaveBeenCalledTimes(1)
  })

  test('loads the whole when none follows', async () => {
    world.serve(6, [])
    world.word(6)
    await vi.advanceTimersByTimeAsync(400)
    expect(world.addresses()).toEqual([])
  })

  test('loads the whole after a restart that counts from the start', async () => {
    world.serve(2, [wire('192.0.2.77')])
    world.word(2)
    await vi.advanceTimersByTimeAsync(400)
    expect(world.addresses()).toEqual(['192.0.2.77'])
  })
})

test.each([['leases_changed'], ['snapshot']])('%s loads the whole', async (type) => {
  world.serve(9, [wire('192.0.2.90')])
  world.whole(type, 9)
  await vi.advanceTimersByTimeAsync(0)
  expect(world.addresses()).toEqual(['192.0.2.90'])
  expect(flashes).toEqual(['added', 'removed'])
})

test('a gap and a return load the whole; a 304 changes nothing', async () => {
  world.gap()
  await vi.advanceTimersByTimeAsync(0)
  world.reopen()
  await vi.advanceTimersByTimeAsync(0)
  expect(world.fetchLeases).toHaveBeenCalledTimes(3)
  expect(world.addresses()).toEqual(['192.0.2.10'])
})

test('a failure keeps what is held, and without anything held it shows', async () => {
  world.fetchLeases.mockRejectedValueOnce(new ApiError('lost', null, null))
  world.gap()
  await vi.advanceTimersByTimeAsync(0)
  expect(world.store.state().status).toBe('ready')

  const other = makeWorld()
  other.fetchLeases.mockRejectedValueOnce(new ApiError('lost', null, null))
  other.store.start()
  await vi.advanceTimersByTimeAsync(0)
  expect(other.store.state()).toMatchObject({ status: 'failed', error: { message: 'lost' } })
})
