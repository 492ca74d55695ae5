/** The built package in every runtime that is there: this Node.js, the current one, Bun, Deno. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type StreamProxy, startProxy } from './support/proxy.js'
import { EXPECTED } from './support/scenario.mjs'
import { binary, type Server, startServer } from './support/tidings.js'

const run = promisify(execFile)
const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
const RUNTIMES: [string, string, string[]][] = [
  [`Node.js ${process.versions.node}`, process.execPath, []],
  ['the current Node.js', here('../runtimes/node_modules/node/bin/node'), []],
  ['Bun', here('../runtimes/node_modules/.bin/bun'), ['run']],
  ['Deno', here('../runtimes/node_modules/.bin/deno'), ['run', '--allow-net', '--allow-read']],
]
const found = RUNTIMES.filter(([, path]) => existsSync(path))
for (const [name, path] of RUNTIMES) {
  if (!existsSync(path)) console.warn(`skipped: ${name}; run \`npm ci --prefix sdk/runtimes\``)
}
const isBuilt = existsSync(here('../dist/index.js'))
if (!isBuilt) console.warn('skipped: runtimes need the build; run `npm run build`')

describe.skipIf(!binary || !isBuilt)('connects, loses the stream and resumes', () => {
  let server: Server
  let proxy: StreamProxy
  let folder: string
  let script: string

  beforeAll(async () => {
    server = await startServer()
    proxy = await startProxy(server.url)
    folder = await mkdtemp(join(tmpdir(), 'tidings-sdk-runtimes-'))
    script = join(folder, 'main.mjs')
    await writeFile(
      script,
      `import { createClient, patchChannels } from ${JSON.stringify(here('../dist/index.js'))}
       import { runScenario } from ${JSON.stringify(here('./support/scenario.mjs'))}
       const seen = await runScenario(createClient, ${JSON.stringify(proxy.url)}, { patch: patchChannels })
       console.log(JSON.stringify(seen))`,
    )
  })
  afterAll(async () => {
    await proxy?.close()
    await server?.close()
    await rm(folder, { recursive: true, force: true })
  })

  test.each(found)(
    'in %s',
    async (_, path, args) => {
      // The process ends by itself only if the client has left nothing behind.
      const { stdout } = await run(path, [...args, script], {
        cwd: folder,
        timeout: 60_000,
        env: { PATH: process.env.PATH, DENO_DIR: folder, NO_COLOR: '1' },
      })
      expect(JSON.parse(stdout)).toEqual(EXPECTED)
    },
    60_000,
  )
})
