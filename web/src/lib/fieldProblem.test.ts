/** Tests of whose field a refusal is. */

import { expect, test } from 'vitest'
import { ApiError } from './api.ts'
import { fieldProblem, problemOf } from './fieldProblem.ts'

test('a refusal stands at the field that the server names, without its name', () => {
  const refused = (text: string, parameter?: unknown): ApiError =>
    new ApiError(text, 400, null, { parameter })
  const fields = ['name', 'addresses']
  const cases = [
    [refused('name: is missing', 'name'), 'name', 'is missing'],
    [refused('addresses[1]: none', 'addresses[1]'), 'addresses', 'none'],
    [refused('there is one already', 'name'), 'name', 'there is one already'],
    [refused('other: bad', 'other'), null, 'other: bad'],
    [refused('no idea'), null, 'no idea'],
    [new Error('lost'), null, 'lost'],
  ] as const
  for (const [error, field, text] of cases) {
    expect(fieldProblem(error, fields), error.message).toEqual({ field, text })
  }
  expect(problemOf({ field: 'name', text: 'bad' }, 'name')).toBe('bad')
  expect(problemOf(null, 'name')).toBe(null)
})
