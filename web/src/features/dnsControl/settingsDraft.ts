/** Settings that are changed and not yet applied: what differs, the patch, and what was refused. */

import { type DnsSettings, settingAt } from '../../lib/dns/dnsSettings.ts'
import type { Setting } from '../../lib/settingsQuery.ts'

/** Begins every key in the list of all settings, and no member of the resolver's own. */
const PREFIX = 'dns.'

/** Settings that are read when a listener begins; those that go on listening keep the old value. */
const RESTART_KEYS: ReadonlySet<string> = new Set([
  'limits.connections_max',
  'limits.connections_per_address_max',
  'limits.pipelined_max',
  'limits.idle_timeout',
  'limits.entries_max',
])

/** What the server takes where the configuration says nothing. */
const UNSET: Readonly<Record<string, unknown>> = {
  blocked_answer: 'nxdomain',
  allow: [
    '127.0.0.0/8',
    '10.0.0.0/8',
    '172.16.0.0/12',
    '192.168.0.0/16',
    '169.254.0.0/16',
    '::1/128',
    'fc00::/7',
    'fe80::/10',
  ],
}

/** A setting of the resolver with what is in effect. */
export interface DnsSetting {
  /** Dotted name without `dns.`. */
  readonly key: string
  readonly kind: string
  readonly meaning: string
  /** In effect. */
  readonly value: unknown
  /** What the configuration says. */
  readonly base: unknown
  readonly origin: Setting['origin']
  /** Whether it was set here, over the configuration. */
  readonly isSetHere: boolean
  readonly needsRestart: boolean
}

/** A value that stands for "as the configuration says"; it is sent as null. */
export const TAKEN_BACK: unique symbol = Symbol('taken back')

/** Changed values by key. */
export type Drafts = ReadonlyMap<string, unknown>

/** One line of the review. */
export interface DraftChange {
  readonly key: string
  readonly before: unknown
  readonly after: unknown
}

/** Joins what all settings say of the resolver's with what is in effect. */
export function dnsSettingsOf(
  all: readonly Setting[],
  effective: DnsSettings,
): readonly DnsSetting[] {
  return all
    .filter(({ key }) => key.startsWith(PREFIX))
    .map((setting) => {
      const key = setting.key.slice(PREFIX.length)
      const value = settingAt(effective, key)
      const base = setting.value ?? new Map(Object.entries(UNSET)).get(key)
      return {
        key,
        kind: setting.kind,
        meaning: setting.meaning,
        value,
        base,
        origin: setting.origin,
        isSetHere: base !== undefined && !isSame(value, base),
        needsRestart: RESTART_KEYS.has(key),
      }
    })
}

/** Returns the value that a setting would have. */
export function draftedValue(setting: DnsSetting, drafts: Drafts): unknown {
  if (!drafts.has(setting.key)) return setting.value
  const draft = drafts.get(setting.key)
  return draft === TAKEN_BACK ? setting.base : draft
}

/** Returns what differs from what is in effect. */
export function draftChanges(
  settings: readonly DnsSetting[],
  drafts: Drafts,
): readonly DraftChange[] {
  return settings.flatMap((setting) => {
    const after = draftedValue(setting, drafts)
    if (!drafts.has(setting.key) || isSame(after, setting.value)) return []
    return [{ key: setting.key, before: setting.value, after }]
  })
}

/** Returns the patch (RFC 7396) of what differs. */
export function patchOf(settings: readonly DnsSetting[], drafts: Drafts): object {
  const patch: Record<string, unknown> = {}
  for (const { key } of draftChanges(settings, drafts)) {
    const draft = drafts.get(key)
    putAt(patch, key.split('.'), draft === TAKEN_BACK ? null : draft)
  }
  return patch
}

function putAt(patch: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name, ...rest] = path
  if (name === undefined) return
  if (rest.length === 0) {
    patch[name] = value
    return
  }
  // Only this function puts members in, so what is there is an object.
  const inner = (patch[name] ?? {}) as Record<string, unknown>
  patch[name] = inner
  putAt(inner, rest, value)
}

/** What the server refused, and the setting that it was about; null when it named none. */
export interface Refusal {
  readonly key: string | null
  readonly text: string
}

/** Finds the setting that a refusal is about: `` `dns.cache.ttl_min`: … `` or `` `dns.threads` is … ``. */
export function refusalOf(detail: string, changed: readonly string[]): Refusal {
  const named = /^`dns\.([a-z0-9_.]+)(?:\[\d+\])*(?:\.[a-z_]+)*`:?\s*(.*)$/s.exec(detail)
  const key = named?.[1]
  if (key !== undefined) {
    // A member of a table is told by its path, and the table is what was changed.
    const known = changed.find((one) => one === key || key.startsWith(`${one}.`))
    if (known !== undefined) return { key: known, text: named?.[2] || detail }
  }
  const mentioned = changed.filter((one) => detail.includes(`\`dns.${one}\``))
  if (mentioned.length === 1) return { key: mentioned[0] ?? null, text: detail }
  return { key: changed.length === 1 ? (changed[0] ?? null) : null, text: detail }
}

/** Reads a number as it was typed; what is none is sent as it is, for the server to refuse. */
export function typedNumber(text: string): number | string {
  const trimmed = text.trim()
  return /^-?\d+(\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed
}

/** Reads a list that was typed one entry a line. */
export function typedLines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** A table of conditional forwarding. */
interface Forward {
  readonly domains: readonly string[]
  readonly upstreams: readonly string[]
}

/** Writes tables of conditional forwarding one a line: `corp.example = 192.0.2.53`. */
export function forwardsText(value: unknown): string {
  if (!Array.isArray(value)) return ''
  // The server checked them when they were set.
  const forwards = value as readonly Forward[]
  return forwards
    .map(({ domains, upstreams }) => `${domains.join(' ')} = ${upstreams.join(' ')}`.trim())
    .join('\n')
}

/** Reads what `forwardsText` writes. */
export function typedForwards(text: string): readonly Forward[] {
  const words = (part: string): readonly string[] => part.split(/[\s,]+/).filter(Boolean)
  return typedLines(text).map((line) => {
    const cut = line.indexOf('=')
    return cut < 0
      ? { domains: words(line), upstreams: [] }
      : { domains: words(line.slice(0, cut)), upstreams: words(line.slice(cut + 1)) }
  })
}

function isSame(left: unknown, right: unknown): boolean {
  return left === right || JSON.stringify(left) === JSON.stringify(right)
}
