/**
 * Stands between browser and server on the loopback and misbehaves on order.
 *
 * The server under test thus holds no code for faults: the binary that people run is the one
 * that is tested.
 */

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Request line of an event stream. */
const STREAM = /^GET \S*\/(?:api\/sse\/stream|api\/v1\/leases\/stream)[? ]/m

interface Pair {
  readonly near: Socket
  readonly far: Socket
  isStream: boolean
}

/** A proxy that can cut, silence and refuse connections. */
export class FaultProxy {
  /** Streams that were asked for through the proxy. */
  streamsAsked = 0
  private readonly listener: Server
  private readonly pairs = new Set<Pair>()
  private readonly targetPort: () => number
  private isRefusing = false
  private isStalled = false

  private constructor(targetPort: () => number) {
    this.targetPort = targetPort
    this.listener = createServer((near) => this.accept(near))
  }

  /** Starts a proxy; `targetPort` is asked for each connection, for servers that restart. */
  static async start(targetPort: () => number): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort)
    await new Promise<void>((resolve) => proxy.listener.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.listener.address() as AddressInfo).port
  }

  /** Address for the browser. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Streams that are open. */
  get streams(): number {
    return [...this.pairs].filter((pair) => pair.isStream).length
  }

  /** Cuts every stream in the middle, as a cable that is pulled and put back. */
  dropStreams(): void {
    for (const pair of this.pairs) if (pair.isStream) cut(pair)
  }

  /** Cuts every connection. */
  dropAll(): void {
    for (const pair of this.pairs) cut(pair)
  }

  /** Streams stay open and nothing more comes from them, until `flow`. */
  stallStreams(): void {
    this.isStalled = true
  }

  /** Ends `stallStreams` for streams to come; those that were silenced are cut. */
  flow(): void {
    this.isStalled = false
    this.dropStreams()
  }

  /** Closes every connection and takes no new one, as a server that is not there, until `admit`. */
  refuse(): void {
    this.isRefusing = true
    this.dropAll()
  }

  /** Ends `refuse`. */
  admit(): void {
    this.isRefusing = false
  }

  async close(): Promise<void> {
    this.dropAll()
    await new Promise((resolve) => this.listener.close(resolve))
  }

  private accept(near: Socket): void {
    if (this.isRefusing) {
      near.resetAndDestroy()
      return
    }
    const far = connect(this.targetPort(), '127.0.0.1')
    const pair: Pair = { near, far, isStream: false }
    this.pairs.add(pair)
    near.on('data', (bytes) => {
      if (!pair.isStream && STREAM.test(bytes.toString('latin1'))) {
        pair.isStream = true
        this.streamsAsked += 1
      }
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (!(pair.isStream && this.isStalled)) near.write(bytes)
    })
    const end = () => {
      this.pairs.delete(pair)
      cut(pair)
    }
    for (const socket of [near, far]) {
      socket.setNoDelay(true)
      socket.on('error', end)
      socket.on('close', end)
    }
    near.on('end', () => far.end())
    far.on('end', () => near.end())
  }
}

function cut(pair: Pair): void {
  pair.near.destroy()
  pair.far.destroy()
}
