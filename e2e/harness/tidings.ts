/** A server of its own for one scenario: a temporary data folder, a lease file, a free port. */

import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LeaseFile } from './leaseFile.ts'
import { findTidings } from './programs.ts'
import { spawnChild } from './spawnChild.ts'
import { PATIENCE_MS, until } from './waiting.ts'

/** What the server prints once it serves. */
const LISTENING = /listening on http:\/\/127\.0\.0\.1:(\d+)/
/** Lines of the server's log that a failing start shows. */
const LOG_LINES = 40

export interface TidingsOptions {
  /** Arguments behind `serve`. */
  readonly args?: readonly string[]
  /** Text of a `tidings.toml`. */
  readonly config?: string
  /** Whether it watches a lease file of its own; true when missing. */
  readonly hasLeases?: boolean
}

/** A stream as the server sees it. */
export interface ServerConnection {
  readonly client_id: string
  readonly channels: readonly string[]
  readonly lag: number
}

/** A running server. */
export class Tidings {
  readonly folder: string
  readonly leases: LeaseFile
  port = 0
  private readonly args: readonly string[]
  private process: ChildProcess | null = null
  private log: string[] = []

  private constructor(options: TidingsOptions) {
    this.folder = mkdtempSync(join(tmpdir(), 'tidings-e2e-'))
    this.leases = new LeaseFile(join(this.folder, 'dnsmasq.leases'))
    const config = join(this.folder, 'tidings.toml')
    writeFileSync(config, options.config ?? '')
    const source = options.hasLeases === false ? [] : ['--leases', this.leases.path]
    this.args = ['--config', config, '--data', join(this.folder, 'data'), ...source]
    this.args = [...this.args, ...(options.args ?? [])]
  }

  static async start(options: TidingsOptions = {}): Promise<Tidings> {
    const server = new Tidings(options)
    await server.launch(0)
    return server
  }

  /** Address of the server. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Ends the server as a crash would; its data stay. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** Starts it again on the same data and port. */
  async restart(): Promise<void> {
    await this.launch(this.port)
  }

  /** Ends it and removes what it kept. */
  async close(): Promise<void> {
    await this.end('SIGTERM')
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Asks by REST; throws what the server said when it refuses. */
  async json<Answer>(path: string, init: RequestInit = {}): Promise<Answer> {
    const response = await fetch(`${this.url}${path}`, init)
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    // Each caller names the shape that the interface documents.
    return (await response.json()) as Answer
  }

  /** Publishes one event and returns its position. */
  async publish(channel: string, type: string, data: unknown): Promise<string | null> {
    const answer = await this.json<{ positions: (string | null)[] }>('/api/sse/events', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ channel, type, data }),
    })
    return answer.positions[0] ?? null
  }

  /** Returns the streams that are open. */
  async connections(): Promise<readonly ServerConnection[]> {
    const answer = await this.json<{ connections: ServerConnection[] }>('/api/sse/connections')
    return answer.connections
  }

  /** Returns how many streams were opened since the start. */
  async streamsOpened(): Promise<number> {
    const stats = await this.json<{ connections_opened: number }>('/api/sse/stats')
    return stats.connections_opened
  }

  /** Waits until so many streams are open. */
  async waitForStreams(count: number): Promise<void> {
    await until(`${count} streams`, async () => (await this.connections()).length === count)
  }

  private async launch(port: number): Promise<void> {
    const args = ['serve', '--listen', `127.0.0.1:${port}`, ...this.args]
    const child = spawnChild(findTidings(), args, {
      cwd: this.folder,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process = child
    this.log = []
    const note = (text: string) => {
      this.log = [...this.log, ...text.split('\n')].slice(-LOG_LINES)
    }
    child.stderr?.setEncoding('utf8').on('data', note)
    this.port = await new Promise<number>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`the server ${why}\n${this.log.join('\n')}`))
      const timer = setTimeout(() => fail('does not listen in time'), PATIENCE_MS)
      child.once('exit', () => fail('ended at its start'))
      let output = ''
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        output += text
        const found = LISTENING.exec(output)
        if (!found) return
        clearTimeout(timer)
        resolve(Number(found[1]))
      })
    })
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.process
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
  }
}

/** Settings come from the scenario alone: the server refuses names it does not know, and a shell's own mislead. */
function environment(): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('TIDINGS_'))
  return Object.fromEntries(others)
}
