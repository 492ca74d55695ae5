/** Tells when the last rows of a table come into sight. */

import { useEffect, useRef } from 'react'

/** Rows before the end from which on more is asked for, so that nobody waits at the end. */
const AHEAD_ROWS = 40

export function useEndReached(
  lastPlace: number,
  nRows: number,
  onEnd: (() => void) | undefined,
): void {
  const latest = useRef(onEnd)
  useEffect(() => {
    latest.current = onEnd
  })
  const isNear = nRows > 0 && lastPlace + AHEAD_ROWS >= nRows
  useEffect(() => {
    // More rows that are all in sight again ask for more again.
    if (isNear && nRows > 0) latest.current?.()
  }, [isNear, nRows])
}
