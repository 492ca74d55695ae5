/** Finds the programs that the scenarios start: the server, Chromium, and a DHCP server. */

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Folders that servers stand in and a user's path may lack. */
const SERVER_FOLDERS = ['/usr/sbin', '/sbin', '/usr/local/sbin']

/** Returns the path of a program, null where there is none. */
export function findProgram(...names: readonly string[]): string | null {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS]
  const paths = names.flatMap((name) => folders.map((folder) => join(folder, name)))
  return paths.find(isExecutable) ?? null
}

/** Returns the browser; `TIDINGS_CHROMIUM` names another. */
export function findChromium(): string | null {
  return (
    process.env.TIDINGS_CHROMIUM ?? findProgram('chromium', 'chromium-browser', 'google-chrome')
  )
}

/** Returns the server: what `TIDINGS_BIN` names, else the one that was built last. */
export function findTidings(): string {
  const named = process.env.TIDINGS_BIN
  if (named) return named
  const built = ['release', 'ci', 'debug'].map((profile) =>
    join(root, 'target', profile, 'tidings'),
  )
  const newest = built.filter(isExecutable).sort((a, b) => modifiedAt(b) - modifiedAt(a))[0]
  if (newest) return newest
  throw new Error('the server is not built: run `cargo xtask build`, or name it in TIDINGS_BIN')
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function modifiedAt(path: string): number {
  return statSync(path).mtimeMs
}
