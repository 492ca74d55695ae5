/** Writes `src/generated/api.ts` from the server's OpenAPI document; `--check` only compares. */

import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = fileURLToPath(new URL('..', import.meta.url))
const tool = join(web, 'tools/openapi')
const target = join(web, 'src/generated/api.ts')
const isCheck = process.argv.includes('--check')

if (!existsSync(join(tool, 'node_modules'))) {
  execFileSync('npm', ['ci', '--ignore-scripts'], { cwd: tool, stdio: 'inherit' })
}
const folder = mkdtempSync(join(tmpdir(), 'tidings-codegen-'))
try {
  const made = join(folder, 'api.ts')
  const bin = join(tool, 'node_modules/openapi-typescript/bin/cli.js')
  const options = [
    join(web, '../docs/openapi.json'),
    '-o',
    made,
    '--immutable',
    '--empty-objects-unknown',
  ]
  execFileSync(process.execPath, [bin, ...options], { stdio: ['ignore', 'ignore', 'inherit'] })
  const text = `/** Types of the REST API, made by \`npm run codegen\` from docs/openapi.json. */\n\n${readFileSync(made, 'utf8')}`
  if (!isCheck) writeFileSync(target, text)
  else if (!existsSync(target) || readFileSync(target, 'utf8') !== text) {
    console.error('src/generated/api.ts is older than docs/openapi.json: run `npm run codegen`')
    process.exitCode = 1
  }
} finally {
  rmSync(folder, { recursive: true })
}
