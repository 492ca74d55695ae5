/** Remembers which rows changed a moment ago, and how. */

export type FlashKind = 'added' | 'updated' | 'removed'

/** A mark on a row; a new mark has a new `key`, so that its animation starts anew. */
export interface Flash {
  readonly kind: FlashKind
  readonly atMs: number
  readonly key: number
}

/** How long a mark may be seen: the static mark under reduced motion is the longest. */
const FLASH_AGE_MAX_MS = 3000
/** From this many marks a second on, rows get a mark in the gutter only. */
const FLASHES_PER_SECOND_MAX = 30

export interface Flashes {
  mark(id: string, kind: FlashKind, nowMs: number): void
  /** Returns the mark of a row if it can still be seen. */
  of(id: string, nowMs: number): Flash | null
  /** Returns whether so much flashes that tints would be noise. */
  isBusy(nowMs: number): boolean
  /** Forgets what nobody can see any more. */
  prune(nowMs: number): void
  clear(): void
}

export function createFlashes(): Flashes {
  // A map keeps the order of insertion, so the oldest marks stand first.
  const marks = new Map<string, Flash>()
  let key = 0
  let second = 0
  let nThisSecond = 0
  let nLastSecond = 0

  function turn(nowMs: number): void {
    const current = Math.floor(nowMs / 1000)
    if (current === second) return
    nLastSecond = current === second + 1 ? nThisSecond : 0
    nThisSecond = 0
    second = current
  }

  return {
    mark(id, kind, nowMs) {
      turn(nowMs)
      nThisSecond += 1
      key += 1
      marks.delete(id)
      marks.set(id, { kind, atMs: nowMs, key })
    },
    of(id, nowMs) {
      const flash = marks.get(id)
      return flash && nowMs - flash.atMs < FLASH_AGE_MAX_MS ? flash : null
    },
    isBusy(nowMs) {
      turn(nowMs)
      return Math.max(nThisSecond, nLastSecond) > FLASHES_PER_SECOND_MAX
    },
    prune(nowMs) {
      for (const [id, flash] of marks) {
        if (nowMs - flash.atMs < FLASH_AGE_MAX_MS) break
        marks.delete(id)
      }
    },
    clear: () => marks.clear(),
  }
}
