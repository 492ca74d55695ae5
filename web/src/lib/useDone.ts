/** Remembers what was done last, for the toast that offers to take it back. */

import { useCallback, useState } from 'react'
import type { Done } from '../components/UndoToast.tsx'

export interface DoneState {
  readonly done: Done | null
  /** Tells of something that was done; `undo` takes it back. */
  tell(text: string, undo: (() => Promise<unknown>) | null): void
  /** Tells of something that failed. */
  fail(text: string): void
  close(): void
}

export function useDone(failureText: (reason: string) => string): DoneState {
  const [done, setDone] = useState<Done | null>(null)
  const close = useCallback(() => setDone(null), [])
  const show = (text: string, isBad: boolean, undo: (() => void) | null): void =>
    setDone((before) => ({ n: (before?.n ?? 0) + 1, text, isBad, undo }))
  const fail = (reason: string): void => show(failureText(reason), true, null)
  return {
    done,
    close,
    fail,
    tell(text, undo) {
      const takeBack = undo
        ? (): void => {
            setDone(null)
            undo().catch((error: Error) => fail(error.message))
          }
        : null
      show(text, false, takeBack)
    },
  }
}
