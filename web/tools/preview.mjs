/** Serves `dist` the way the server does, under its policy, beside a running server's API. */

import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const server = new URL(process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080')
const port = Number(process.env.PORT ?? 4173)
/** Path that everything is reached under, as behind a proxy; `/` or `/with/slashes/`. */
const prefix = process.env.PREFIX ?? '/'
/** Build that the page says it is of; the server writes in the one that it holds. */
const build = process.env.BUILD
const policy =
  "default-src 'self'; base-uri 'self'; frame-ancestors 'none'; object-src 'none'; form-action 'self'"
const API = /^\/(api|metrics|livez|readyz|internal|health)(\/|$)/

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
}

/** Hands a request on and its answer back piece by piece, so that streams stay streams. */
function forward(incoming, outgoing, path) {
  const options = {
    host: server.hostname,
    port: server.port,
    path,
    method: incoming.method,
    headers: incoming.headers,
  }
  const call = request(options, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    outgoing.flushHeaders()
    answer.on('data', (chunk) => outgoing.write(chunk))
    answer.on('end', () => outgoing.end())
    answer.on('error', () => outgoing.destroy())
  })
  call.on('error', () => {
    if (outgoing.headersSent) outgoing.destroy()
    else outgoing.writeHead(502).end('the server cannot be reached')
  })
  outgoing.on('close', () => call.destroy())
  incoming.pipe(call)
}

function page(outgoing) {
  const html = readFileSync(join(dist, 'index.html'), 'utf8')
  outgoing.writeHead(200, { 'Content-Type': TYPES['.html'], 'Content-Security-Policy': policy })
  const meta = build ? `<meta name="tidings-dashboard" content="${build}" />` : ''
  outgoing.end(html.replace('<base href="/"', `${meta}<base href="${prefix}"`))
}

createServer((incoming, outgoing) => {
  const url = new URL(incoming.url ?? '/', 'http://localhost')
  if (!url.pathname.startsWith(prefix)) {
    outgoing.writeHead(404).end()
    return
  }
  const path = `/${url.pathname.slice(prefix.length)}`
  if (API.test(path)) {
    forward(incoming, outgoing, path + url.search)
    return
  }
  const file = join(dist, normalize(path))
  if (!file.startsWith(dist) || !existsSync(file) || !statSync(file).isFile()) {
    page(outgoing)
    return
  }
  outgoing.writeHead(200, {
    'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
    'Content-Security-Policy': policy,
  })
  createReadStream(file).pipe(outgoing)
}).listen(port, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${port}${prefix} beside ${server.origin}`)
})
