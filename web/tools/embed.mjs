/**
 * Lays the built dashboard out for the binary: every file compressed, and a manifest of them.
 *
 * Reads `web/dist`, writes `crates/tidings/dashboard`, which the crate's build script lists.
 * `index.html` stays as it is, for the server fills in where it is served. What is current is
 * left alone, so that the binary is not built again for nothing.
 */

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const root = fileURLToPath(new URL('../../', import.meta.url))
const from = path.join(root, 'web/dist')
const to = path.join(root, 'crates/tidings/dashboard')
const manifestPath = path.join(to, 'manifest.txt')
/** Files that are compressed already, or filled in by the server. */
const PLAIN = /(\.(png|ico|woff2)|^index\.html)$/
/** Files of the build that no page loads. */
const LEFT_OUT = /^\.|\/\.|\.map$/
/** Most bytes that the dashboard may add to the binary. */
const SIZE_MAX_BYTES = 1_000_000

const files = await listFiles()
const manifest = manifestOf(files)
if (manifest === (await readFile(manifestPath, 'utf8').catch(() => null))) {
  console.log(`the embedded dashboard is current: ${files.length} files`)
} else {
  await lay(files)
  await writeFile(manifestPath, manifest)
}

/** Returns name, content and hash of every file, by name. */
async function listFiles() {
  const entries = await readdir(from, { recursive: true, withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(from, path.join(entry.parentPath, entry.name)))
    .map((name) => name.split(path.sep).join('/'))
    .filter((name) => !LEFT_OUT.test(name))
    .sort((left, right) => (left < right ? -1 : 1))
  if (!names.includes('index.html')) {
    throw new Error('web/dist holds no index.html: run `npm run build --workspace web` first')
  }
  const spaced = names.find((name) => /\s/.test(name))
  if (spaced) throw new Error(`${spaced}: a name with white space cannot be listed`)
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(path.join(from, name))
      return { name, bytes, hash: hashOf(bytes), isPlain: PLAIN.test(name) }
    }),
  )
}

function manifestOf(listed) {
  const lines = listed.map(
    (file) => `${file.name} ${file.hash} ${file.isPlain ? 'plain' : 'packed'}`,
  )
  // The page names all that it loads, so its hash names the build; the server writes it into the page.
  const page = listed.find(({ name }) => name === 'index.html')
  return `${[page.hash, ...lines].join('\n')}\n`
}

/** Writes the files anew and says how much they take. */
async function lay(listed) {
  for (const name of await readdir(to)) {
    if (name !== '.gitignore') await rm(path.join(to, name), { recursive: true })
  }
  let total = 0
  for (const { name, bytes, isPlain } of listed) {
    const target = path.join(to, name)
    const forms = isPlain
      ? [['', bytes]]
      : [
          ['.gz', gzipSync(bytes, { level: 9 })],
          ['.br', brotli(bytes)],
        ]
    await mkdir(path.dirname(target), { recursive: true })
    for (const [ending, form] of forms) {
      await writeFile(`${target}${ending}`, form)
      total += form.length
    }
  }
  console.log(`embedded ${listed.length} files in ${total} bytes, gzip and brotli together`)
  if (total > SIZE_MAX_BYTES) {
    throw new Error(`the embedded dashboard takes more than ${SIZE_MAX_BYTES} bytes`)
  }
}

function brotli(bytes) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  }
  return brotliCompressSync(bytes, { params })
}

function hashOf(bytes) {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16)
}
