/** Sizes that a table needs to know: the height of its rows and its own width. */

import { type RefObject, useLayoutEffect, useState, useSyncExternalStore } from 'react'

const FINE_ROW_PX = 36
/** A finger needs more room than a pointer. */
const COARSE_ROW_PX = 44

const coarse = matchMedia('(pointer: coarse)')

export function useRowHeight(): number {
  return useSyncExternalStore(
    (listener) => {
      coarse.addEventListener('change', listener)
      return () => coarse.removeEventListener('change', listener)
    },
    () => (coarse.matches ? COARSE_ROW_PX : FINE_ROW_PX),
  )
}

/** Returns the width of an element in whole pixels, 0 before it is drawn. */
export function useElementWidth(ref: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    const element = ref.current
    if (!element) return
    setWidth(element.clientWidth)
    const observer = new ResizeObserver(() => setWidth(element.clientWidth))
    observer.observe(element)
    return () => observer.disconnect()
  }, [ref])
  return width
}
