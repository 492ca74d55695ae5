/** Starts the real server for a test. */
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnChild } from './spawnChild.js'

/** Path of the server binary, or undefined: tests that need it are then skipped. */
export const binary: string | undefined = findBinary()

function findBinary(): string | undefined {
  const path = process.env.TIDINGS_BINARY ?? process.env.TIDINGS_BIN
  if (path && existsSync(path)) return path
  console.warn(
    path
      ? `skipped: TIDINGS_BINARY names ${path}, which is no file`
      : 'skipped: tests against the real server need TIDINGS_BINARY, the path of a built tidings',
  )
  return undefined
}

/** A server that can be stopped and started again at the same address. */
export interface Server {
  readonly url: string
  /** Ends it: SIGKILL is a crash, SIGTERM a proper stop. */
  stop(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>
  start(): Promise<void>
  publish(...events: object[]): Promise<(string | null)[]>
  get(path: string): Promise<unknown>
  /** Stops it and removes its data. */
  close(): Promise<void>
}

/** Starts a server with its data in a folder of its own. */
export async function startServer(env: Record<string, string> = {}): Promise<Server> {
  const data = await mkdtemp(join(tmpdir(), 'tidings-sdk-'))
  let listen = '127.0.0.1:0'
  let child: ChildProcess | null = null

  async function start(): Promise<void> {
    const own = spawnChild(binary ?? '', ['serve', '--listen', listen, '--data', data], {
      cwd: data,
      stdio: ['ignore', 'pipe', 'pipe'],
      // The server refuses settings that it does not know, and TIDINGS_BINARY is one.
      env: { PATH: process.env.PATH, ...env },
    })
    child = own
    let said = ''
    listen = await new Promise<string>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        said += chunk
        const address = /listening on http:\/\/(\S+)/.exec(said)?.[1]
        if (address) resolve(address)
      }
      own.stdout?.on('data', read)
      own.stderr?.on('data', read)
      own.on('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
    })
  }

  async function stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const own = child
    if (!own || own.exitCode !== null) return
    child = null
    const ended = new Promise((resolve) => own.once('exit', resolve))
    own.kill(signal)
    await ended
  }

  await start()
  const url = `http://${listen}`
  return {
    url,
    start,
    stop,
    async publish(...events) {
      const answer = await fetch(`${url}/api/sse/events`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(events),
      })
      if (answer.status !== 201) throw new Error(`publish: ${answer.status} ${await answer.text()}`)
      // The shape is the contract of the endpoint.
      return ((await answer.json()) as { positions: (string | null)[] }).positions
    },
    async get(path) {
      return (await fetch(url + path)).json()
    },
    async close() {
      await stop()
      await rm(data, { recursive: true, force: true })
    },
  }
}
