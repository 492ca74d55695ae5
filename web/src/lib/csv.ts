/** Writes CSV (RFC 4180) that a spreadsheet shows and never runs. */

/** Starts of cells that spreadsheets take for formulas. */
const FORMULA = /^[=+\-@\t\r]/

/** Writes one cell: a formula gets an apostrophe before it, quotes and line ends are quoted. */
export function csvCell(value: string | number | boolean | null | undefined): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' && FORMULA.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export type CsvRow = readonly (string | number | boolean | null | undefined)[]

export function csv(head: readonly string[], rows: readonly CsvRow[]): string {
  return [head, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('')
}

/** Hands a text to the reader as a file. */
export function download(name: string, type: string, text: string): void {
  // A byte order mark makes Excel read UTF-8.
  const parts = type === 'text/csv' ? ['\ufeff', text] : [text]
  const url = URL.createObjectURL(new Blob(parts, { type: `${type};charset=utf-8` }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  URL.revokeObjectURL(url)
}
