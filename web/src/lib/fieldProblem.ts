/** Puts what the server refused to the field that it was about. */

import { ApiError } from './api.ts'

/** Why something was refused; `field` is null when no field of the form was named. */
export interface FieldProblem {
  readonly field: string | null
  readonly text: string
}

/** Reads an error; `fields` are those of the form. */
export function fieldProblem(error: unknown, fields: readonly string[]): FieldProblem {
  const text = error instanceof Error ? error.message : String(error)
  const named = error instanceof ApiError ? error.problem.parameter : undefined
  if (typeof named !== 'string') return { field: null, text }
  const field = fields.find((known) => known === named || named.startsWith(`${known}[`)) ?? null
  const prefix = `${named}: `
  return {
    field,
    text: field !== null && text.startsWith(prefix) ? text.slice(prefix.length) : text,
  }
}

/** Returns the text for one field of a form. */
export function problemOf(problem: FieldProblem | null, field: string): string | null {
  return problem?.field === field ? problem.text : null
}
