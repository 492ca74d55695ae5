/** Keys act where they should and nowhere else. */

import { fireEvent, render } from '@testing-library/react'
import { afterEach, expect, test, vi } from 'vitest'
import { setSingleKeys, useKey } from './keys.ts'

const run = vi.fn()
const go = vi.fn()

function Page() {
  useKey('j', run)
  useKey('g l', go)
  useKey('mod+k', run)
  useKey('Enter', run)
  return (
    <>
      <input data-testid="field" />
      <button type="button" data-testid="button">
        b
      </button>
    </>
  )
}

afterEach(() => {
  run.mockClear()
  go.mockClear()
  setSingleKeys(true)
})

test('single letters and sequences act on the page', () => {
  render(<Page />)
  fireEvent.keyDown(document.body, { key: 'j' })
  expect(run).toHaveBeenCalledTimes(1)
  fireEvent.keyDown(document.body, { key: 'g' })
  fireEvent.keyDown(document.body, { key: 'l' })
  expect(go).toHaveBeenCalledTimes(1)
  fireEvent.keyDown(document.body, { key: 'l' })
  expect(go).toHaveBeenCalledTimes(1)
})

test('nothing acts while somebody types or presses a button', () => {
  const page = render(<Page />)
  fireEvent.keyDown(page.getByTestId('field'), { key: 'j' })
  fireEvent.keyDown(page.getByTestId('button'), { key: 'Enter' })
  expect(run).not.toHaveBeenCalled()
})

test('single letters can be switched off, others stay', () => {
  render(<Page />)
  setSingleKeys(false)
  fireEvent.keyDown(document.body, { key: 'j' })
  expect(run).not.toHaveBeenCalled()
  fireEvent.keyDown(document.body, { key: 'k', ctrlKey: true })
  expect(run).toHaveBeenCalledTimes(1)
})

test('a page that is gone answers no key', () => {
  render(<Page />).unmount()
  fireEvent.keyDown(document.body, { key: 'j' })
  expect(run).not.toHaveBeenCalled()
})
