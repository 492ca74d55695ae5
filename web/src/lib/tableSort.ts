/** The order of a table as it stands in a URL: `rate.desc`. */

import type { SortDirection } from './live/sortedIndex.ts'

export interface TableSort<Field extends string> {
  readonly field: Field
  readonly direction: SortDirection
}

/** Reads an order; undefined when it is none of these fields. */
export function parseTableSort<Field extends string>(
  value: unknown,
  fields: readonly Field[],
): TableSort<Field> | undefined {
  if (typeof value !== 'string') return undefined
  const [name, direction] = value.split('.')
  const field = fields.find((known) => known === name)
  if (!field || (direction !== 'asc' && direction !== 'desc')) return undefined
  return { field, direction }
}

export function tableSortText(sort: TableSort<string>): string {
  return `${sort.field}.${sort.direction}`
}

/** Returns the order after a click: figures begin with the largest, names with A. */
export function nextTableSort<Field extends string>(
  sort: TableSort<Field>,
  field: Field,
  isName: boolean,
): TableSort<Field> {
  const first = isName ? 'asc' : 'desc'
  const second = isName ? 'desc' : 'asc'
  if (sort.field !== field) return { field, direction: first }
  return { field, direction: sort.direction === first ? second : first }
}
