/** Puts the resolver's settings under headings, in the order in which people look for them. */

import type { DnsSetting } from './settingsDraft.ts'

export const SECTIONS = [
  'listening',
  'upstream',
  'blocking',
  'cache',
  'local',
  'log',
  'limits',
  'other',
] as const

export type Section = (typeof SECTIONS)[number]

/** By the longest beginning of the key. */
const BY_BEGINNING: readonly (readonly [string, Section])[] = [
  ['enabled', 'listening'],
  ['listen', 'listening'],
  ['threads', 'listening'],
  ['allow', 'listening'],
  ['rate.', 'listening'],
  ['upstream.', 'upstream'],
  ['forwards', 'upstream'],
  ['blocked_', 'blocking'],
  ['rebind.', 'blocking'],
  ['lists', 'blocking'],
  ['cache.', 'cache'],
  ['local.', 'local'],
  ['log.', 'log'],
  ['limits.', 'limits'],
]

/** Settings that have a page of their own. */
const ELSEWHERE: ReadonlySet<string> = new Set(['local.rewrites', 'upstream.sets'])

export function sectionOf(key: string): Section {
  return BY_BEGINNING.find(([beginning]) => key.startsWith(beginning))?.[1] ?? 'other'
}

/** Returns the sections that have a setting which matches the text. */
export function sectionsOf(
  settings: readonly DnsSetting[],
  text: string,
): readonly (readonly [Section, readonly DnsSetting[]])[] {
  const wanted = text.trim().toLowerCase()
  const matching = settings.filter(
    ({ key, meaning }) =>
      !ELSEWHERE.has(key) && (key.includes(wanted) || meaning.toLowerCase().includes(wanted)),
  )
  return SECTIONS.map(
    (section) => [section, matching.filter(({ key }) => sectionOf(key) === section)] as const,
  ).filter(([, held]) => held.length > 0)
}
