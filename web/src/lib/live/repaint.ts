/** Decides when a burst of changes is shown: each frame while calm, in steps while busy. */

/** Up to this many changes a second each is shown with the next frame. */
const CALM_PER_SECOND = 30
/** Beyond this many changes a second the page says that it samples. */
const BUSY_PER_SECOND = 200
/** Time between repaints while it is neither calm nor busy. */
const STEP_MS = 100
/** Time between repaints while it is busy: five a second. */
const BUSY_STEP_MS = 200

export interface Repaint {
  /** Notes changes and sees to it that they are shown. */
  request(nChanges: number): void
  /** Shows at once what waits: for what a person does. */
  flush(): void
  /** Returns whether changes come faster than they are shown one by one. */
  isSampling(): boolean
  close(): void
}

/** Calls `paint` for requests, as often as the rate of changes allows. */
export function createRepaint(paint: () => void, now: () => number): Repaint {
  let cancel: (() => void) | null = null
  let windowStart = now()
  let nWindow = 0
  let perSecond = 0

  function note(nChanges: number): void {
    const atMs = now()
    const length = atMs - windowStart
    if (length >= 1000) {
      perSecond = length < 2000 ? (nWindow * 1000) / length : 0
      windowStart = atMs
      nWindow = 0
    }
    nWindow += nChanges
  }

  function rate(): number {
    return now() - windowStart > 2000 ? 0 : Math.max(perSecond, nWindow)
  }

  function run(): void {
    cancel = null
    paint()
  }

  function later(delayMs: number): () => void {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  }

  function nextFrame(): () => void {
    const frame = requestAnimationFrame(run)
    return () => cancelAnimationFrame(frame)
  }

  return {
    request(nChanges) {
      note(nChanges)
      if (cancel) return
      // A hidden page has no frames.
      if (rate() > BUSY_PER_SECOND || document.hidden) cancel = later(BUSY_STEP_MS)
      else if (rate() > CALM_PER_SECOND) cancel = later(STEP_MS)
      else cancel = nextFrame()
    },
    flush() {
      cancel?.()
      run()
    },
    isSampling: () => rate() > BUSY_PER_SECOND,
    close() {
      cancel?.()
      cancel = null
    },
  }
}
