/** Writes settings as the configuration file has them. */

import type { Setting } from './settingsQuery.ts'

/** Writes a value as TOML. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== null)
    return `{ ${members.map(([name, member]) => `${name} = ${tomlValue(member)}`).join(', ')} }`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

/** Writes every setting that has a value; those that nobody set stand as comments. */
export function settingsToml(settings: readonly Setting[]): string {
  const lines: string[] = []
  let section = ''
  for (const setting of settings) {
    const cut = setting.key.lastIndexOf('.')
    const table = setting.key.slice(0, Math.max(0, cut))
    const name = setting.key.slice(cut + 1)
    if (table !== section) lines.push('', `[${table}]`)
    section = table
    if (setting.is_secret) {
      if (setting.is_set) lines.push(`# ${name} is set`)
    } else if (setting.value !== null && setting.value !== undefined) {
      const mark = setting.origin.kind === 'default' ? '# ' : ''
      lines.push(`${mark}${name} = ${tomlValue(setting.value)}`)
    }
  }
  return `${lines.join('\n').trim()}\n`
}

/** Returns the part of the server that a setting belongs to. */
export function sectionOf({ key }: Setting): string {
  return key.includes('.') ? (key.split('.')[0] ?? '') : ''
}
