/** Checks what a first visit loads and what the binary embeds against their limits. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

/** Script that the page of leases needs before it works, gzipped. */
const INITIAL_SCRIPT_MAX_BYTES = 200_000
/** Styles, gzipped. */
const STYLES_MAX_BYTES = 12_000
/** All that is embedded, each file as its smallest form. */
const EMBEDDED_MAX_BYTES = 1_000_000

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'))

/** Files that a chunk cannot do without. */
function closure(key, files = new Set()) {
  const chunk = manifest[key]
  if (!chunk || files.has(chunk.file)) return files
  files.add(chunk.file)
  for (const style of chunk.css ?? []) files.add(style)
  for (const other of chunk.imports ?? []) closure(other, files)
  return files
}

const gzipped = (file) => gzipSync(readFileSync(join(dist, file)), { level: 9 }).length
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0)

const pages = ['index.html', 'src/features/leases/LeasesPage.tsx']
const missing = pages.filter((page) => !manifest[page])
if (missing.length > 0) throw new Error(`not in the manifest: ${missing.join(', ')}`)
const initial = [...new Set(pages.flatMap((page) => [...closure(page)]))]
const scripts = initial.filter((file) => file.endsWith('.js'))
const styles = initial.filter((file) => file.endsWith('.css'))

const all = readdirSync(dist, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && !entry.parentPath.includes('.vite'))
  .map((entry) => readFileSync(join(entry.parentPath, entry.name)))

const rows = [
  ['initial script of /leases, gzip', sum(scripts.map(gzipped)), INITIAL_SCRIPT_MAX_BYTES],
  ['styles, gzip', sum(styles.map(gzipped)), STYLES_MAX_BYTES],
  [
    'everything embedded, brotli',
    sum(all.map((bytes) => Math.min(bytes.length, brotliCompressSync(bytes).length))),
    EMBEDDED_MAX_BYTES,
  ],
]
for (const [what, size, limit] of rows) {
  const verdict = size <= limit ? 'within' : 'OVER'
  console.log(`${what}: ${size} bytes, ${verdict} the limit of ${limit}`)
  if (size > limit) process.exitCode = 1
}
