/** A transport whose streams the test plays itself. */
import type {
  SseMessage,
  TidingsError,
  Transport,
  TransportRequest,
  TransportSink,
} from '../../src/api.js'
import { makeError } from '../../src/makeError.js'

/** One stream that the client asked for. */
export class FakeStream {
  readonly request: TransportRequest
  readonly sink: TransportSink
  #lastEventId = ''

  constructor(request: TransportRequest, sink: TransportSink) {
    this.request = request
    this.sink = sink
  }

  get channels(): string[] {
    return new URL(this.request.url).searchParams.get('channels')?.split(',') ?? []
  }

  get isAborted(): boolean {
    return this.request.signal.aborted
  }

  /** A block of the stream. */
  send(data: unknown, more: Partial<SseMessage> = {}): this {
    if (typeof more.id === 'string') this.#lastEventId = more.id
    this.sink.message({
      id: null,
      lastEventId: this.#lastEventId,
      event: 'message',
      data: typeof data === 'string' ? data : JSON.stringify(data),
      ...more,
    })
    return this
  }

  /** An event in the envelope. */
  event(channel: string, data: unknown, id: string | null = null, type = 'test'): this {
    return this.send({ type: channel, event: type, data, timestamp: 1 }, { id })
  }

  /** The answer's head and the greeting. */
  open(greeting: object = {}): this {
    this.sink.open()
    return this.send({
      type: 'connected',
      clientId: 'c1',
      data: { client_id: 'c1', epoch: 'e', heartbeat_seconds: 20, version: '1', ...greeting },
    })
  }

  ready(channels: string[] = this.channels): this {
    return this.send({ channels }, { event: 'ready' })
  }

  fail(error: TidingsError = makeError('network', 'cut'), retryAfterMs?: number): void {
    this.sink.close(error, retryAfterMs)
  }
}

/** Makes a transport and the list of the streams that were asked for. */
export function fakeTransport(): {
  transport: Transport
  streams: FakeStream[]
  last(): FakeStream
} {
  const streams: FakeStream[] = []
  return {
    transport: (request, sink) => {
      streams.push(new FakeStream(request, sink))
    },
    streams,
    last() {
      const stream = streams.at(-1)
      if (!stream) throw new Error('no stream was asked for')
      return stream
    },
  }
}
