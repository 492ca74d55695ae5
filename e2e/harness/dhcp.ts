/** A real dnsmasq and real clients, in network namespaces of their own; needs root. */

import { type ChildProcess, execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findProgram } from './programs.ts'
import { spawnChild } from './spawnChild.ts'
import { until } from './waiting.ts'

/** What udhcpc runs on every change: the address on the interface, and a line of what happened. */
const CLIENT_SCRIPT = `#!/bin/sh
case "$1" in
  deconfig) ip -4 addr flush dev "$interface" ;;
  bound | renew) ip -4 addr replace "$ip/\${mask:-24}" dev "$interface" ;;
esac
echo "$1 \${ip:-0.0.0.0}" >> "$EVENTS"
`

/** Says why this machine cannot run a DHCP server; null if it can. */
export function whyNoDhcp(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const missing = ['dnsmasq', 'ip', 'udhcpc'].find((name) => findProgram(name) === null)
  if (missing) return `${missing} is not installed`
  const name = `tidingsprobe${process.pid}`
  try {
    ip('netns', 'add', name)
    ip('netns', 'del', name)
    return null
  } catch {
    return 'network namespaces are not permitted'
  }
}

/** A dnsmasq on a bridge of its own, with an empty lease file. */
export class DhcpServer {
  readonly configPath: string
  private readonly folder: string
  private readonly namespace: string
  private readonly children: ChildProcess[] = []
  private readonly namespaces: string[] = []

  private constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'tidings-dhcp-'))
    this.configPath = join(this.folder, 'dnsmasq.conf')
    this.namespace = `tidingse2e${process.pid}`
  }

  static async start(): Promise<DhcpServer> {
    const server = new DhcpServer()
    server.addNamespace(server.namespace)
    const inside = (...args: readonly string[]): void => ip('-n', server.namespace, ...args)
    // Without a forwarding delay, which would swallow the first requests.
    inside('link', 'add', 'name', 'br0', 'type', 'bridge', 'forward_delay', '0')
    inside('addr', 'add', '192.0.2.1/24', 'dev', 'br0')
    inside('link', 'set', 'br0', 'up')
    const { folder } = server
    writeFileSync(
      server.configPath,
      `port=0\ninterface=br0\nbind-interfaces\nuser=root\nno-ping\nlog-dhcp\ndhcp-authoritative\n` +
        `dhcp-range=192.0.2.10,192.0.2.99,255.255.255.0,1h\n` +
        `dhcp-leasefile=${folder}/dnsmasq.leases\npid-file=${folder}/dnsmasq.pid\n`,
    )
    const dnsmasq = server.spawnIn(server.namespace, 'dnsmasq', [
      '--keep-in-foreground',
      '--log-facility=-',
      `--conf-file=${server.configPath}`,
    ])
    let log = ''
    dnsmasq.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text
    })
    await until('dnsmasq serves', () => log.includes('DHCP, IP range'))
    return server
  }

  /** Connects a client, which asks for a lease at once. */
  async client(mac: string, hostname: string): Promise<DhcpClient> {
    const n = this.namespaces.length
    const name = `${this.namespace}c${n}`
    this.addNamespace(name)
    const port = `port${n}`
    ip(
      '-n',
      this.namespace,
      ...`link add name ${port} type veth peer name eth0 netns ${name}`.split(' '),
    )
    ip('-n', this.namespace, 'link', 'set', port, 'master', 'br0', 'up')
    ip('-n', name, 'link', 'set', 'eth0', 'address', mac, 'up')
    const script = join(this.folder, `client${n}.sh`)
    writeFileSync(script, CLIENT_SCRIPT)
    chmodSync(script, 0o755)
    const events = join(this.folder, `client${n}.events`)
    const args = ['-f', '-i', 'eth0', '-t', '10', '-T', '1', '-A', '1', '-s', script]
    const child = this.spawnIn(name, 'udhcpc', [...args, '-x', `hostname:${hostname}`], {
      EVENTS: events,
    })
    const client = new DhcpClient(child, events)
    await client.waitFor('bound')
    return client
  }

  close(): void {
    for (const child of this.children) child.kill('SIGKILL')
    for (const name of this.namespaces) ip('netns', 'del', name)
    rmSync(this.folder, { recursive: true, force: true })
  }

  private addNamespace(name: string): void {
    ip('netns', 'add', name)
    this.namespaces.push(name)
    ip('-n', name, 'link', 'set', 'lo', 'up')
  }

  private spawnIn(
    namespace: string,
    program: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const all = ['netns', 'exec', namespace, findProgram(program) ?? program, ...args]
    const child = spawnChild(findProgram('ip') ?? 'ip', all, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.children.push(child)
    return child
  }
}

/** A client that runs until its server is closed. */
export class DhcpClient {
  private readonly child: ChildProcess
  private readonly eventsPath: string

  constructor(child: ChildProcess, eventsPath: string) {
    this.child = child
    this.eventsPath = eventsPath
  }

  /** Waits for the client's word, and returns the address that it is about. */
  async waitFor(kind: string): Promise<string> {
    return until(`a client's ${kind}`, () => {
      if (!existsSync(this.eventsPath)) return null
      const lines = readFileSync(this.eventsPath, 'utf8').split('\n')
      return lines.find((line) => line.startsWith(`${kind} `))?.split(' ')[1] ?? null
    })
  }

  /** Gives the lease back. */
  release(): void {
    this.child.kill('SIGUSR2')
  }
}

function ip(...args: readonly string[]): void {
  execFileSync(findProgram('ip') ?? 'ip', args, { stdio: 'pipe' })
}
