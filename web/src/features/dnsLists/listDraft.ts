/** A list as it is typed, and what the server is asked for it. */

import type { DnsListDetail, ListRequest } from '../../lib/dns/lists.ts'

export const LIST_FIELDS = ['name', 'url', 'text', 'kind', 'format', 'interval_s'] as const

/** Where a list comes from. */
export type Source = 'url' | 'text'

export interface ListDraft {
  readonly name: string
  readonly source: Source
  readonly url: string
  readonly text: string
  readonly kind: 'block' | 'allow'
  readonly format: string
  readonly intervalS: number
}

/** Returns a list as it is to be changed, or an empty one. */
export function draftOf(detail: DnsListDetail | null): ListDraft {
  const list = detail?.list
  return {
    name: list?.name ?? '',
    source: list?.url === null ? 'text' : 'url',
    url: list?.url ?? '',
    text: detail?.text ?? '',
    kind: list?.kind ?? 'block',
    format: list?.format ?? 'adguard',
    intervalS: list?.interval_s ?? 86_400,
  }
}

export function requestOf(draft: ListDraft): ListRequest {
  const { name, kind, format } = draft
  const shared = { name: name.trim(), kind, format }
  return draft.source === 'url'
    ? { ...shared, url: draft.url.trim(), interval_s: draft.intervalS }
    : { ...shared, text: draft.text }
}
