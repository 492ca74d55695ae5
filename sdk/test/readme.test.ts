/** Compiles the snippets of the README against the built package, and runs those marked `run`. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { transformWithOxc } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { binary, startServer } from './support/tidings.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
/** Inside the package, so that it is found by its own name. */
const folder = join(root, 'readme-snippets')
const isBuilt = existsSync(join(root, 'dist/index.js'))
if (!isBuilt) console.warn('skipped: the README needs the build; run `npm run build`')

interface Snippet {
  readonly name: string
  readonly language: string
  readonly isRun: boolean
  readonly text: string
}

const readme = await readFile(join(root, 'README.md'), 'utf8')
const snippets: Snippet[] = [...readme.matchAll(/```(tsx?)( run)?\n(.*?)```/gs)].map(
  ([all, language = 'ts', isRun, text = '']) => ({
    name: `line-${readme.slice(0, readme.indexOf(all)).split('\n').length}`,
    language,
    isRun: Boolean(isRun),
    text,
  }),
)
const runnable = snippets.filter(({ isRun }) => isRun)

describe.skipIf(!isBuilt)('the README', () => {
  beforeAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder)
    for (const { name, language, text } of snippets) {
      // Each is a module of its own, whatever it imports.
      await writeFile(join(folder, `${name}.${language}`), `${text}\nexport {}\n`)
    }
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../tsconfig.json',
        compilerOptions: { isolatedDeclarations: false, declaration: false },
        include: ['.'],
      }),
    )
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('has snippets of every entry', () => {
    const { length } = snippets
    expect(length).toBeGreaterThan(12)
    const text = snippets.map((snippet) => snippet.text).join()
    for (const entry of [
      'react',
      'react-query',
      'eventsource',
      'shared-worker',
      'publish',
      'sse-client',
      'schemas',
      'decoders',
    ]) {
      expect(text).toContain(`'tidings/${entry}'`)
    }
  })

  test('compiles', async () => {
    const tsc = fileURLToPath(import.meta.resolve('typescript/package.json')).replace(
      'package.json',
      'bin/tsc',
    )
    const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((cause) => cause)
    expect(stdout).toBe('')
  }, 60_000)

  test.skipIf(!binary).each(runnable)(
    'runs: $name',
    async ({ name, text }) => {
      const server = await startServer()
      const script = join(folder, `${name}.mjs`)
      const { code } = await transformWithOxc(
        text.replaceAll('http://127.0.0.1:8080', server.url),
        `${name}.ts`,
      )
      await writeFile(script, code)
      // It ends by itself and says something.
      const { stdout } = await run(process.execPath, [script], { timeout: 30_000 })
      expect(stdout).toMatch(/\S/)
      await server.close()
    },
    40_000,
  )
})
