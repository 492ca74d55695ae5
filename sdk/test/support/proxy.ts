/** A proxy of the server that also hands out the built package, and cuts streams on request. */
import { readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'

/** The folder of the package. */
const ROOT = new URL('../../', import.meta.url)
const TYPES: Record<string, string> = {
  js: 'text/javascript',
  mjs: 'text/javascript',
  map: 'application/json',
}

/** A running proxy. */
export interface StreamProxy {
  readonly port: number
  readonly url: string
  /** Streams that are open through it. */
  streams(): number
  close(): Promise<void>
}

/** Starts a proxy of `target`; `pages` are the texts of further paths by their path. */
export async function startProxy(
  target: string,
  pages: Record<string, { type: string; text: string }> = {},
): Promise<StreamProxy> {
  const streams = new Set<ServerResponse>()

  function forward(incoming: IncomingMessage, response: ServerResponse): void {
    const { method, headers, url = '' } = incoming
    // The page's origin is the proxy's, which the server would take for a foreign one.
    const { origin: _, ...own } = headers
    const outgoing = request(new URL(url, target), { method, headers: own }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      response.flushHeaders()
      if (answer.headers['content-type']?.startsWith('text/event-stream')) {
        streams.add(response)
        response.on('close', () => streams.delete(response))
      }
      answer.pipe(response)
    })
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  }

  async function hand(path: string, response: ServerResponse): Promise<void> {
    try {
      const text = await readFile(fileURLToPath(new URL(`.${path}`, ROOT)))
      const type = TYPES[path.split('.').at(-1) ?? ''] ?? 'text/plain'
      response.writeHead(200, { 'Content-Type': type }).end(text)
    } catch {
      response.writeHead(404).end()
    }
  }

  const server = createServer((incoming, response) => {
    const path = (incoming.url ?? '/').split('?')[0] ?? '/'
    const page = pages[path]
    if (page) response.writeHead(200, { 'Content-Type': page.type }).end(page.text)
    else if (path.startsWith('/api/')) forward(incoming, response)
    else if (path === '/cut') {
      for (const stream of streams) stream.destroy()
      response.writeHead(204).end()
    } else hand(path, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A TCP server's address is an object.
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    streams: () => streams.size,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
