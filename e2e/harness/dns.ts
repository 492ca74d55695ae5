/** A scripted upstream on the loopback, and a client that asks by UDP. */

import { createSocket, type Socket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import type { Tidings } from './tidings.ts'
import { PATIENCE_MS } from './waiting.ts'

/** Configuration of a resolver on a port that the system chooses; `useUpstream` names whom it asks. */
export const DNS_CONFIG = `
[dns]
enabled = true
listen = ["127.0.0.1:0"]

[dns.upstream]
servers = ["127.0.0.1:9"]

[dns.rebind]
protect = false
`

/** Seconds that the upstream's answers live. */
const TTL_S = 300
const HEADER_BYTES = 12
/** Type and class behind a name. */
const QUESTION_END_BYTES = 4
const TYPE_A = 1

/** Answers every question for an address with the same one. */
export class DnsUpstream {
  /** Questions that came. */
  nAsked = 0
  private readonly socket: Socket

  private constructor() {
    this.socket = createSocket('udp4')
    this.socket.on('message', (question, from) => {
      this.nAsked += 1
      this.socket.send(answerTo(question), from.port, from.address)
    })
  }

  static async start(): Promise<DnsUpstream> {
    const upstream = new DnsUpstream()
    await new Promise<void>((resolve) => upstream.socket.bind(0, '127.0.0.1', resolve))
    return upstream
  }

  get port(): number {
    return portOf(this.socket)
  }

  close(): void {
    this.socket.close()
  }
}

function portOf(socket: Socket): number {
  // An address of UDP has the shape of one of TCP.
  return (socket.address() as AddressInfo).port
}

/** Writes the answer: the question again, and for A one record that points back at its name. */
function answerTo(question: Buffer): Buffer {
  const nameEnd = question.indexOf(0, HEADER_BYTES) + 1
  const asked = question.subarray(HEADER_BYTES, nameEnd + QUESTION_END_BYTES)
  const isAddress = question.readUInt16BE(nameEnd) === TYPE_A
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(question.readUInt16BE(0), 0)
  header.writeUInt16BE(0x8180, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(isAddress ? 1 : 0, 6)
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc000 + HEADER_BYTES, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(TTL_S, 6)
  record.writeUInt16BE(4, 10)
  record.set([198, 51, 100, 7], 12)
  return Buffer.concat([header, asked, ...(isAddress ? [record] : [])])
}

/** Has a server ask this upstream from now on. */
export async function useUpstream(server: Tidings, upstream: DnsUpstream): Promise<void> {
  await server.json('/api/v1/dns/settings', {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ upstream: { servers: [`127.0.0.1:${upstream.port}`] } }),
  })
}

/** Returns the port of UDP that a server listens on; 0 while it is stopped. */
export async function dnsPort(server: Tidings): Promise<number> {
  const { addresses } = await server.json<{
    addresses: { address: string; transport: string }[]
  }>('/api/v1/dns/status')
  const udp = addresses.find(({ transport }) => transport === 'udp')
  return udp ? Number(udp.address.split(':').at(-1)) : 0
}

/** Response codes by number (RFC 1035 §4.1.1). */
const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const

/** Asks for the address of a name and returns the response code. */
export async function askDns(port: number, name: string): Promise<string> {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]))
  const header = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
  const question = Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPE_A, 0, 1])])
  const socket = createSocket('udp4')
  try {
    return await new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer for ${name}`)), PATIENCE_MS)
      socket.once('error', reject)
      socket.once('message', (answer) => {
        clearTimeout(timer)
        resolve(RCODES[answer.readUInt16BE(2) & 0xf] ?? 'other')
      })
      socket.send(question, port, '127.0.0.1')
    })
  } finally {
    socket.close()
  }
}
