/** A group as it is typed. */

import type { DnsGroup, GroupChange } from '../../lib/dns/ruleBook.ts'

export const GROUP_FIELDS = [
  'name',
  'rules',
  'blocked_answer',
  'upstreams',
  'safe_search',
  'lists_off',
] as const

export const SAFE_SEARCH = [
  'google',
  'bing',
  'duckduckgo',
  'ecosia',
  'brave',
  'yandex',
  'pixabay',
  'youtube',
  'youtube_moderate',
] as const

/** Answers that are a word; anything else is addresses. */
export const ANSWERS = ['nxdomain', 'nodata', 'null', 'refused'] as const

export interface GroupDraft extends Required<GroupChange> {
  readonly name: string
}

export function groupDraftOf(group: DnsGroup | null): GroupDraft {
  return {
    name: group?.name ?? '',
    filtered: group?.filtered ?? true,
    lists_off: group?.lists_off ?? [],
    rules: group?.rules ?? '',
    upstreams: group?.upstreams ?? null,
    blocked_answer: group?.blocked_answer ?? null,
    safe_search: group?.safe_search ?? [],
  }
}

/** Returns a list with an entry in it or without it; its order stays. */
export function toggled<Entry>(list: readonly Entry[], entry: Entry, isIn: boolean): Entry[] {
  const others = list.filter((other) => other !== entry)
  return isIn ? [...others, entry] : others
}
