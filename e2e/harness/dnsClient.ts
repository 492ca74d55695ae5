/** Many questions from one client, and a resolver that answers them by itself. */

import { createSocket, type Socket } from 'node:dgram'
import { DNS_CONFIG, dnsPort } from './dns.ts'
import type { Tidings } from './tidings.ts'
import { until } from './waiting.ts'

/** A resolver that knows every name below `lab.example` by itself. */
export const LAB_CONFIG = `${DNS_CONFIG}
[[dns.local.rewrites]]
name = "*.lab.example"
type = "A"
value = "192.0.2.80"
`

const TYPE_A = 1
const CLASS_IN = 1
/** Longest that an answer may take; a datagram may be lost. */
const ANSWER_MS = 2000

/** Asks questions from one port of the loopback. */
export class DnsClient {
  private readonly socket: Socket
  private readonly port: number
  private readonly waiting = new Map<number, (code: number) => void>()
  private id = 0

  private constructor(port: number) {
    this.port = port
    this.socket = createSocket('udp4')
    this.socket.on('message', (message) => {
      this.waiting.get(message.readUInt16BE(0))?.(message.readUInt8(3) & 15)
    })
  }

  /** Waits until the server's resolver listens. */
  static async of(server: Tidings): Promise<DnsClient> {
    const port = await until('the resolver listens', async () => (await dnsPort(server)) || null)
    return new DnsClient(port)
  }

  /** Asks for the address of a name until an answer comes, and returns its response code. */
  async ask(name: string): Promise<number> {
    return until(`an answer for ${name}`, () => this.askOnce(name))
  }

  /** Sends a question and does not look for its answer. */
  send(name: string): void {
    this.socket.send(question(this.nextId(), name), this.port, '127.0.0.1')
  }

  close(): void {
    this.socket.close()
  }

  private askOnce(name: string): Promise<number | null> {
    const id = this.nextId()
    return new Promise((resolve) => {
      const end = (code: number | null): void => {
        clearTimeout(timer)
        this.waiting.delete(id)
        resolve(code)
      }
      const timer = setTimeout(() => end(null), ANSWER_MS)
      this.waiting.set(id, end)
      this.socket.send(question(id, name), this.port, '127.0.0.1')
    })
  }

  private nextId(): number {
    this.id = (this.id + 1) & 0xffff
    return this.id
  }
}

function question(id: number, name: string): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  // Recursion is desired, and there is one question.
  header.writeUInt16BE(0x0100, 2)
  header.writeUInt16BE(1, 4)
  const labels = name
    .split('.')
    .map((label) => Buffer.from(`${String.fromCharCode(label.length)}${label}`))
  return Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPE_A, 0, CLASS_IN])])
}
