/** What of the page of lists and rules stands in its URL. */

export const TABS = ['lists', 'rules', 'names'] as const

export type Tab = (typeof TABS)[number]

export interface ListsSearch {
  /** Which part is shown; the lists when missing. */
  readonly tab?: Exclude<Tab, 'lists'>
  /** Name to test. */
  readonly name?: string
}

/** Longest name that is kept (RFC 1035 §2.3.4). */
const NAME_MAX_CHARS = 255

export function listsSearch(search: Record<string, unknown>): ListsSearch {
  const { tab, name } = search
  return {
    ...(tab === 'rules' || tab === 'names' ? { tab } : {}),
    ...(typeof name === 'string' && name ? { name: name.slice(0, NAME_MAX_CHARS) } : {}),
  }
}
