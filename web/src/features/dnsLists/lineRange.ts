/** Finds a line in a text. */

/** Where a line begins and ends, in characters. */
export interface LineRange {
  readonly start: number
  readonly end: number
}

/** Returns the place of a line, counted from 1; beyond the last it is the end of the text. */
export function lineRange(text: string, line: number): LineRange {
  let start = 0
  for (let n = 1; n < line; n += 1) {
    const next = text.indexOf('\n', start)
    if (next < 0) return { start: text.length, end: text.length }
    start = next + 1
  }
  const end = text.indexOf('\n', start)
  return { start, end: end < 0 ? text.length : end }
}
