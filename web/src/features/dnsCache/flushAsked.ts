/** Which flush is being asked about: a button in a row says it, the page shows the dialog. */

import { createContext, useContext } from 'react'
import type { Flush } from './cacheQuery.ts'

export type AskFlush = (what: Flush) => void

export const FlushContext = createContext<AskFlush>(() => undefined)

export function useAskFlush(): AskFlush {
  return useContext(FlushContext)
}
