/** Schemas and decoders against what the real server sends, and guards over every payload. */
import { createSocket } from 'node:dgram'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StandardSchemaV1, TidingsEvent } from '../src/api.js'
import { createClient } from '../src/client.js'
import { decodeLeases, namedDecoder } from '../src/decoders.js'
import type { DnsLiveBatch } from '../src/dnsEvents.js'
import {
  changedFields,
  isDataChanged,
  isLeaseAdded,
  isLeaseEvent,
  isLeaseExpired,
  isLeaseRemoved,
  isLeaseRenewed,
  isLeaseUpdated,
  isReload,
  type Lease,
} from '../src/events.js'
import * as schemas from '../src/schemas.js'
import { binary, type Server, startServer } from './support/tidings.js'
import { until } from './support/until.js'

const LEASE: Lease = {
  ip_address: '192.0.2.10',
  mac_address: '02:00:00:00:00:01',
  hostname: 'printer',
  lease_time: '2030-01-01T00:00:00Z',
  client_id: null,
  is_active: true,
  is_static: false,
  pool_name: 'lan',
  vendor: null,
  infinite: false,
  state: 'active',
  kind: 'v4',
  source: 'dnsmasq',
  is_simulated: false,
}
const AT = { timestamp: '2030-01-01T00:00:00Z', version: 2 }
const COUNTS = { added: 60, updated: 0, renewed: 0, removed: 0, expired: 0 }

const ANSWER = {
  id: '1',
  timestamp: 1,
  type: 'response',
  level: 'info',
  query: { name: 'host.example', type: 'A', class: 'IN' },
  client: { address: '192.0.2.10', transport: 'udp' },
  processing: {
    provider: 'cache',
    cached: true,
    blocked: false,
    whitelisted: false,
    success: true,
  },
}

const LOGGED = {
  id: '7',
  at: '2030-01-01T00:00:00Z',
  at_ms: 1,
  client: '192.0.2.10',
  transport: 'udp',
  name: 'ads.example',
  type: 'A',
  status: 'blocked',
  rcode: 'NXDOMAIN',
  reason: { list: 0, rule: '||ads.example^', line: null },
  upstream: null,
  duration_ms: 0.1,
  addresses: [],
  authentic: false,
}

/** Asks a resolver on the loopback for the address of `localhost`, which it knows by itself; a datagram may be lost. */
async function ask(port: number): Promise<void> {
  const socket = createSocket('udp4')
  const answered = new Promise((resolve) => {
    socket.once('message', resolve)
    setTimeout(resolve, 500)
  })
  const header = Buffer.from([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const question = Buffer.from('\x09localhost\0\0\x01\0\x01', 'latin1')
  socket.send(Buffer.concat([header, question]), port, '127.0.0.1')
  await answered
  socket.close()
}

const check = (schema: StandardSchemaV1, value: unknown): string | null => {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) throw new Error('the schemas are synchronous')
  return result.issues?.[0]?.message ?? null
}

test.each([
  [
    'data_changed',
    schemas.dataChangedSchema,
    { event_type: 'data_changed', source: 'file', ...AT },
    null,
  ],
  [
    'a source of later servers',
    schemas.dataChangedSchema,
    { event_type: 'data_changed', source: 'moon', ...AT, more: 1 },
    null,
  ],
  ['a lease', schemas.leaseSchema, LEASE, null],
  ['a lease with members left out', schemas.leaseSchema, { ...LEASE, vendor: undefined }, null],
  [
    'a lease without an address',
    schemas.leaseSchema,
    { ...LEASE, ip_address: undefined },
    'data.ip_address: not a string',
  ],
  [
    'leases',
    schemas.leasesSchema,
    [LEASE, { ...LEASE, is_active: 1 }],
    'data[1].is_active: not a boolean',
  ],
  [
    'an added lease',
    schemas.leaseAddedSchema,
    { event_type: 'lease_added', change_type: 'added', lease: LEASE, ...AT },
    null,
  ],
  [
    'an added lease as updated',
    schemas.leaseUpdatedSchema,
    { event_type: 'lease_added', change_type: 'added', lease: LEASE, ...AT },
    'data.event_type: not lease_updated',
  ],
  [
    'an updated lease',
    schemas.leaseUpdatedSchema,
    {
      event_type: 'lease_updated',
      change_type: 'updated',
      lease: LEASE,
      previous: LEASE,
      changed: ['hostname'],
      ...AT,
    },
    null,
  ],
  [
    'changed of the wrong type',
    schemas.leaseUpdatedSchema,
    { event_type: 'lease_updated', change_type: 'updated', lease: LEASE, changed: [1], ...AT },
    'data.changed[0]: not a string',
  ],
  ['many changes', schemas.leasesChangedSchema, { counts: COUNTS, ...AT }, null],
  ['a snapshot', schemas.leaseChangesSchema, { event_type: 'snapshot', leases: 4, ...AT }, null],
  ['nothing', schemas.sseEventSchema, null, expect.stringContaining('not an object')],
  ['a heartbeat', schemas.heartbeatSchema, { timestamp: 1.5, active_connections: 2 }, null],
  [
    'pools without usage',
    schemas.poolsSchema,
    { pools: [{ pool_name: 'lan' }], version: 1 },
    'data.pools[0].start_ip: not a string',
  ],
  ['a resolver that never ran', schemas.dnsStatusSchema, { enabled: false, server: null }, null],
  [
    'a resolver',
    schemas.dnsStatusSchema,
    { enabled: true, server: { isRunning: true, port: 53 } },
    null,
  ],
  [
    'a resolver without a port',
    schemas.dnsStatusSchema,
    { enabled: true, server: { isRunning: true } },
    'data.server.port: not a number',
  ],
  [
    'settings of the resolver',
    schemas.dnsInfoSchema,
    { config: {}, nextdnsConfigId: null, drivers: {}, timestamp: 1 },
    null,
  ],
  ['an answer', schemas.dnsLogEntrySchema, ANSWER, null],
  [
    'an answer without its outcome',
    schemas.dnsLogEntrySchema,
    { ...ANSWER, processing: undefined },
    expect.stringContaining('data.processing: not an object'),
  ],
  [
    'a start of the resolver',
    schemas.dnsLogEntrySchema,
    {
      id: '2',
      timestamp: 1,
      type: 'server_event',
      level: 'info',
      eventType: 'started',
      message: 'listening',
      port: 53,
    },
    null,
  ],
  [
    'a batch of a live filter',
    schemas.dnsLiveBatchSchema,
    { entries: [LOGGED, { ...LOGGED, reason: null }], matching: 9, dropped: 7 },
    null,
  ],
  [
    'one entry where a batch of a live filter is due',
    schemas.dnsLiveBatchSchema,
    LOGGED,
    'data.entries: not a list',
  ],
  [
    'the log',
    schemas.dnsLogSchema,
    { driver: 'memory', count: 1, lastUpdated: 1, entries: [ANSWER] },
    null,
  ],
  [
    'a list',
    schemas.dnsContentSchema,
    { driver: 'file', count: 1, lastUpdated: 1, entries: ['ads.example'] },
    null,
  ],
  [
    'a list without entries',
    schemas.dnsContentSchema,
    { driver: 'file', count: 1, lastUpdated: 1 },
    'data.entries: not a list',
  ],
  ['a version', schemas.versionSchema, { version: 1 }, 'data.version: not a string'],
])('%s', (_, schema, value, expected) => {
  // The table holds schemas of several types; what they make is of no matter here.
  expect(check(schema as StandardSchemaV1, value)).toEqual(expected)
})

test('guards tell the payloads apart', () => {
  const change = (kind: string) => ({
    event_type: `lease_${kind}`,
    change_type: kind,
    lease: LEASE,
    ...AT,
  })
  const payloads = [
    { event_type: 'data_changed', source: 'file', ...AT },
    ...['added', 'updated', 'renewed', 'removed', 'expired'].map(change),
    { counts: COUNTS, ...AT },
    { event_type: 'snapshot', leases: 4, ...AT },
    null,
    'text',
    7,
  ]
  const guards = {
    isDataChanged,
    isLeaseAdded,
    isLeaseUpdated,
    isLeaseRenewed,
    isLeaseRemoved,
    isLeaseExpired,
    isLeaseEvent,
    isReload,
  }
  const found = Object.fromEntries(
    Object.entries(guards).map(([name, guard]) => [
      name,
      payloads.flatMap((payload, i) => (guard(payload) ? [i] : [])),
    ]),
  )
  expect(found).toEqual({
    isDataChanged: [0],
    isLeaseAdded: [1],
    isLeaseUpdated: [2],
    isLeaseRenewed: [3],
    isLeaseRemoved: [4],
    isLeaseExpired: [5],
    isLeaseEvent: [1, 2, 3, 4, 5],
    isReload: [6, 7],
  })
})

test('changedFields names what differs; null and missing are the same', () => {
  const { vendor: _, ...without } = LEASE
  expect(changedFields(LEASE, LEASE)).toEqual([])
  expect(changedFields(LEASE, { ...LEASE, hostname: null, is_active: false })).toEqual([
    'hostname',
    'is_active',
  ])
  // A server may leave out what is null.
  expect(changedFields(LEASE, without as Lease)).toEqual([])
})

test('decoders read named streams of the earlier systems', () => {
  const message = (event: string, data: string) => ({ id: '7', lastEventId: '7', event, data })
  const lease = JSON.stringify({ change_type: 'added', lease: LEASE, timestamp: AT.timestamp })
  expect(decodeLeases(message('lease-added', lease))).toMatchObject({
    id: '7',
    channel: 'dhcp/leases/changes',
    type: 'lease_added',
    timestamp: Date.parse(AT.timestamp),
    data: { lease: LEASE },
  })
  expect(decodeLeases(message('data_changed', '{"event_type":"data_changed"}'))).toMatchObject({
    channel: 'dhcp/leases',
    type: 'data_changed',
    timestamp: null,
  })
  expect(decodeLeases(message('heartbeat', '{"timestamp":1}'))?.channel).toBe('system/heartbeat')
  expect(namedDecoder('news')(message('note', 'two\nlines'))).toMatchObject({
    channel: 'news',
    type: 'note',
    data: 'two\nlines',
  })
  expect(namedDecoder('news', { text: true })(message('note', '1'))?.data).toBe('1')
})

describe.skipIf(!binary)('against the real server', () => {
  let server: Server
  let folder: string

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tidings-sdk-leases-'))
    const leases = join(folder, 'dnsmasq.leases')
    const end = Math.floor(Date.now() / 1000) + 3_600
    await writeFile(leases, `${end} 02:00:00:00:00:01 192.0.2.10 printer *\n`)
    await writeFile(
      join(folder, 'dnsmasq.conf'),
      `dhcp-leasefile=${leases}\ndhcp-range=set:lan,192.0.2.10,192.0.2.99,1h\nconf-dir=${folder},*.conf\n`,
    )
    const config = join(folder, 'tidings.toml')
    await writeFile(
      config,
      `[[dhcp.sources]]\ndnsmasq_conf = "${join(folder, 'dnsmasq.conf')}"\n[dhcp.simulate]\nenabled = true\nseed = 7\n`,
    )
    server = await startServer({ TIDINGS_CONFIG: config })
  })
  afterAll(async () => {
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  test('every payload of the built-in channels fits its schema', async () => {
    const problems: string[] = []
    const seen = new Map<string, TidingsEvent>()
    const client = createClient({
      url: `${server.url}/api/sse/stream?heartbeat=5`,
      schemas: schemas.builtInSchemas,
      onError: ({ message }) => problems.push(message),
    })
    // The resolver is off here, so its channels say nothing.
    const channels = Object.keys(schemas.builtInSchemas).filter((name) => !name.startsWith('dns/'))
    for (const channel of channels) {
      client.subscribe(channel, (event) => seen.set(`${channel} ${event.type}`, event))
    }
    await until(() => client.connection.ready)
    await server.get('/api/sse/test')
    for (let i = 0; i < 8; i++) await fetch(`${server.url}/api/v1/simulate`, { method: 'POST' })
    await until(() =>
      [
        'dhcp/leases data_changed',
        'dhcp/leases/changes lease_added',
        'dhcp/pools pools',
        'dhcp/status status',
        'system/heartbeat heartbeat',
        'system/test test',
        'version version',
      ].every((name) => seen.has(name)),
    )
    expect(problems).toEqual([])
    expect(
      check(schemas.leasesSchema as StandardSchemaV1, await server.get('/api/v1/leases')),
    ).toBeNull()
    client.close()
  }, 20_000)

  test('a batch of a live filter fits its schema', async () => {
    const resolver = await startServer({
      TIDINGS_DNS_ENABLED: 'true',
      TIDINGS_DNS_LISTEN: '127.0.0.1:0',
    })
    const answer = await fetch(`${resolver.url}/api/v1/dns/log/live`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ filter: 'name:localhost' }),
    })
    const { channel } = (await answer.json()) as { channel: `dns/log/live/${string}` }
    const problems: string[] = []
    const batches: DnsLiveBatch[] = []
    const client = createClient({
      url: `${resolver.url}/api/sse/stream`,
      onError: ({ message }) => problems.push(message),
    })
    client.subscribe(channel, ({ data }) => batches.push(data), {
      schema: schemas.dnsLiveBatchSchema,
    })
    await until(() => client.connection.ready)
    const addresses = await until(async () => {
      // It begins to answer a moment after the server.
      const status = await resolver.get('/api/v1/dns/status')
      const known = (status as { addresses: { address: string }[] }).addresses
      return known.length > 0 && known
    })
    const port = Number(addresses[0]?.address.split(':').at(-1))
    await until(async () => {
      await ask(port)
      return batches.length > 0
    })
    expect(problems).toEqual([])
    // Asked until one is seen, so a batch may hold several.
    const [batch] = batches
    expect(batch?.entries[0]).toMatchObject({ name: 'localhost', type: 'A', status: 'local' })
    expect(batch).toMatchObject({ matching: batch?.entries.length, dropped: 0 })
    client.close()
    await resolver.close()
  }, 20_000)

  test.each(['underscore', 'hyphen'])('the lease stream in style %s', async (style) => {
    const types = new Set<string>()
    const client = createClient({
      url: `${server.url}/api/v1/leases/stream?events=detail&style=${style}`,
      channels: [],
      decode: decodeLeases,
    })
    client.subscribe('dhcp/**', ({ type }) => types.add(type))
    await until(() => client.connection.ready)
    for (let i = 0; i < 4; i++) await fetch(`${server.url}/api/v1/simulate`, { method: 'POST' })
    await until(() => types.has('lease_added') && types.has('data_changed'))
    expect([...types].every((type) => !type.includes('-'))).toBe(true)
    client.close()
  })
})
