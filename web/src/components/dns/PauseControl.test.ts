/** Tests of the countdown. */

import { expect, test } from 'vitest'
import { countdownText } from './PauseControl.tsx'

test('a countdown ends at zero and shows hours only where there are any', () => {
  const cases = [
    [-5, '0:00'],
    [1, '0:01'],
    [299_001, '5:00'],
    [3_599_000, '59:59'],
    [3_600_000, '1:00:00'],
    [28_800_000, '8:00:00'],
  ] as const
  for (const [leftMs, expected] of cases) expect(countdownText(leftMs)).toBe(expected)
})
