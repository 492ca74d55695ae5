/** Terms of the query log's filters: written, taken apart, turned round. The server has the last word. */

/** Returns a term, quoted where the grammar would read the value otherwise. */
export function term(key: string, value: string): string {
  const [, sign = '', rest = value] = /^([=<>]*)(.*)$/s.exec(value) ?? []
  const isPlain = /^[\w.:/*%@+-]+$/.test(rest)
  return `${key}:${sign}${isPlain ? rest : quoted(rest)}`
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '')}"`
}

/** Takes a filter apart into its terms; a quotation mark holds a term together. */
export function termsOf(filter: string): readonly string[] {
  return filter.match(/(?:[^\s"]+|"[^"]*"?)+/g) ?? []
}

/** Returns the filter with a term more, in place of its opposite; without change when it is there. */
export function withTerm(filter: string, added: string): string {
  const terms = termsOf(filter)
  if (terms.includes(added)) return filter
  const opposite = turnedRound(added)
  return [...terms.filter((known) => known !== opposite), added].join(' ')
}

export function withoutTerm(filter: string, removed: string): string {
  return termsOf(filter)
    .filter((known) => known !== removed)
    .join(' ')
}

/** Returns the filter with one of its terms turned round. */
export function withTermTurned(filter: string, turned: string): string {
  return termsOf(filter)
    .map((known) => (known === turned ? turnedRound(known) : known))
    .join(' ')
}

export function turnedRound(text: string): string {
  return text.startsWith('-') ? text.slice(1) : `-${text}`
}
