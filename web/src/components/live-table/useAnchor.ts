/** Keeps what is on screen where it is when rows come or go above it. */

import { type RefObject, useEffect, useLayoutEffect, useRef } from 'react'
import type { LiveView } from '../../lib/live/liveView.ts'

interface Anchor {
  readonly id: string
  readonly place: number
}

/** Watches the scrolling of a table's body; `state` is the view's, new after every change. */
export function useAnchor<Row>(
  view: LiveView<Row>,
  scroller: RefObject<HTMLElement | null>,
  rowHeight: number,
  state: unknown,
): void {
  const anchor = useRef<Anchor | null>(null)
  // Asking the element after each change would make the browser lay it out then and there.
  const scrollTop = useRef(0)

  useEffect(() => {
    const element = scroller.current
    if (!element) return
    const note = (): void => {
      scrollTop.current = element.scrollTop
      anchor.current = anchorAt(view, scrollTop.current, rowHeight)
    }
    note()
    element.addEventListener('scroll', note, { passive: true })
    return () => element.removeEventListener('scroll', note)
  }, [view, scroller, rowHeight])

  useLayoutEffect(() => {
    const before = anchor.current
    // At the top the newest is what somebody wants to see.
    if (state === null || before === null || scrollTop.current === 0) return
    const place = view.indexOf(before.id)
    const element = scroller.current
    if (element && place >= 0 && place !== before.place) {
      element.scrollTop += (place - before.place) * rowHeight
      scrollTop.current = element.scrollTop
    }
    anchor.current = anchorAt(view, scrollTop.current, rowHeight)
  }, [view, scroller, rowHeight, state])
}

/** Returns the first row that is seen. */
function anchorAt<Row>(view: LiveView<Row>, scrollTop: number, rowHeight: number): Anchor | null {
  const place = Math.floor(scrollTop / rowHeight)
  const id = view.idAt(place)
  return id === null ? null : { id, place }
}
