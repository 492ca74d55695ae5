/** The lease file of a dnsmasq that is not there: written as dnsmasq writes it. */

import { writeFileSync } from 'node:fs'

/** One lease of the file. */
export interface FileLease {
  readonly ip: string
  readonly mac: string
  readonly hostname: string
  /** Seconds since 1970. */
  readonly expiresAt: number
}

/** Life of a lease when a scenario names none. */
const LIFE_S = 12 * 3600

/** A lease file that a scenario changes. */
export class LeaseFile {
  readonly path: string
  private leases: readonly FileLease[] = []

  constructor(path: string) {
    this.path = path
    this.write()
  }

  /** Adds a lease, or replaces the one of the same address. */
  put(...added: readonly FileLease[]): void {
    const addresses = new Set(added.map((lease) => lease.ip))
    this.leases = [...this.leases.filter((lease) => !addresses.has(lease.ip)), ...added]
    this.write()
  }

  /** Takes a lease out. */
  remove(ip: string): void {
    this.leases = this.leases.filter((lease) => lease.ip !== ip)
    this.write()
  }

  /** Replaces everything. */
  fill(leases: readonly FileLease[]): void {
    this.leases = leases
    this.write()
  }

  private write(): void {
    const lines = this.leases.map(
      (lease) => `${lease.expiresAt} ${lease.mac} ${lease.ip} ${lease.hostname} *\n`,
    )
    writeFileSync(this.path, lines.join(''))
  }
}

/** Makes the n-th lease of 192.0.2.0/24 (up to 254), or of 198.18.0.0/15 beyond. */
export function lease(n: number, change: Partial<FileLease> = {}): FileLease {
  const octets = [n >> 16, (n >> 8) & 255, n & 255]
  const tail = octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':')
  return {
    ip: n <= 254 ? `192.0.2.${n}` : `198.18.${n >> 8}.${n & 255}`,
    mac: `02:00:5e:${tail}`,
    hostname: `device-${n}`,
    expiresAt: Math.floor(Date.now() / 1000) + LIFE_S,
    ...change,
  }
}
