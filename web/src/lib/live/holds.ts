/** Says whether the rows of a table must stay where they are, and when they may move again. */

/** Why rows must not move. */
export type HoldReason = 'pointer' | 'focus' | 'selection' | 'menu' | 'drawer' | 'scrolled'

/** Rest after the last reason ended, so that a pointer that only slips out moves nothing. */
const RELEASE_AFTER_MS = 300

export interface Holds {
  readonly isHeld: boolean
  set(reason: HoldReason, isOn: boolean): void
  close(): void
}

/** Calls `held` when the first reason starts and `released` 300 ms after the last one ended. */
export function createHolds(held: () => void, released: () => void): Holds {
  const reasons = new Set<HoldReason>()
  let isHeld = false
  let timer: ReturnType<typeof setTimeout> | undefined

  return {
    get isHeld() {
      return isHeld
    },
    set(reason, isOn) {
      if (isOn === reasons.has(reason)) return
      if (isOn) {
        reasons.add(reason)
        clearTimeout(timer)
        if (!isHeld) {
          isHeld = true
          held()
        }
        return
      }
      reasons.delete(reason)
      if (reasons.size > 0) return
      clearTimeout(timer)
      timer = setTimeout(() => {
        isHeld = false
        released()
      }, RELEASE_AFTER_MS)
    },
    close: () => clearTimeout(timer),
  }
}
