/** Keeps the position in `sessionStorage`, so that a reloaded page gets what it missed. */
import type { PositionStore } from './api.js'

/** Writing storage is synchronous, so it is done at most so often. */
const SAVE_MS = 250

/** Makes a store; where there is no storage, the position lives as long as the page. */
export function sessionPosition(key: string): PositionStore {
  let newest: string | null = null
  let isScheduled = false
  const save = (): void => {
    isScheduled = false
    try {
      if (newest) sessionStorage.setItem(key, newest)
    } catch {
      // Storage is full or forbidden: the position lives on in memory.
    }
  }
  return {
    load() {
      try {
        return sessionStorage.getItem(key)
      } catch {
        return null
      }
    },
    save(id) {
      newest = id
      if (isScheduled) return
      isScheduled = true
      setTimeout(save, SAVE_MS)
    },
  }
}
