/** Tests of what the inspector sends and offers to copy. */

import { expect, test } from 'vitest'
import { curlSnippet, eventSourceSnippet, type PublishDraft, publishBody } from './snippets.ts'

const draft = (change: Partial<PublishDraft>): PublishDraft => ({
  channel: 'demo/hello',
  type: 'note',
  data: '{}',
  ttl: '',
  id: '',
  ...change,
})

test('what is left out is not sent', () => {
  expect(publishBody(draft({ type: '', data: '' }))).toEqual({ channel: 'demo/hello', data: null })
  expect(publishBody(draft({ ttl: '60', id: 'a1' }))).toEqual({
    channel: 'demo/hello',
    type: 'note',
    data: {},
    ttl_seconds: 60,
    id: 'a1',
  })
  expect(publishBody(draft({ ttl: '-1' }))).not.toHaveProperty('ttl_seconds')
  expect(() => publishBody(draft({ data: '{' }))).toThrow()
})

test("a quote in the data stays in the shell's quotes", () => {
  const snippet = curlSnippet('http://x', draft({ data: '"it\'s"' }))
  expect(snippet).toContain(`"data":"it'\\''s"`)
})

test('patterns are written as a URL may hold them', () => {
  expect(eventSourceSnippet('http://x', ['a/**', 'b c'])).toContain('channels=a/**%2Cb%20c')
})
