/** A plain HTTP server whose answers the test writes itself. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on loopback and the requests that it got. */
export interface HttpServer {
  readonly url: string
  readonly requests: IncomingMessage[]
  /** Streams that are open. */
  open(): number
  close(): Promise<void>
}

/** Answers every request with `answer`, which also gets the number of the request, from 0. */
export async function startHttp(
  answer: (request: IncomingMessage, response: ServerResponse, n: number) => void,
): Promise<HttpServer> {
  const requests: IncomingMessage[] = []
  let nOpen = 0
  const server = createServer((request, response) => {
    nOpen++
    response.on('close', () => nOpen--)
    answer(request, response, requests.push(request) - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is an object.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/api/sse/stream`,
    requests,
    open: () => nOpen,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Begins an event stream. */
export function beginStream(response: ServerResponse, text = ''): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write(`:\n\n${text}`)
}
