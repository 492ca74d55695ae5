/** Tells a view when its rows must stay: pointer, focus or selected text is in them. */

import { type RefObject, useEffect } from 'react'
import type { LiveView } from '../../lib/live/liveView.ts'

/** Watches the body of a table; `isNewestFirst` also holds while it is scrolled away from the top. */
export function useTableHolds<Row>(
  view: LiveView<Row>,
  body: RefObject<HTMLElement | null>,
  isNewestFirst: boolean,
): void {
  useEffect(() => {
    const element = body.current
    if (!element) return
    const abort = new AbortController()
    const { signal } = abort
    const listen = (target: EventTarget, type: string, run: (event: Event) => void): void =>
      target.addEventListener(type, run, { signal, passive: true })

    listen(element, 'pointerenter', (event) => {
      // A finger has no place when it is not down.
      if (event instanceof PointerEvent && event.pointerType === 'touch') return
      view.hold('pointer', true)
    })
    listen(element, 'pointerleave', () => view.hold('pointer', false))
    listen(element, 'focusin', () => view.hold('focus', true))
    listen(element, 'focusout', (event) => {
      const next = event instanceof FocusEvent ? event.relatedTarget : null
      if (!(next instanceof Node && element.contains(next))) view.hold('focus', false)
    })
    listen(document, 'selectionchange', () => {
      const selection = document.getSelection()
      const isInside =
        selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode)
      view.hold('selection', isInside)
    })
    if (isNewestFirst) {
      listen(element, 'scroll', () => view.hold('scrolled', element.scrollTop > 0))
    }
    return () => {
      abort.abort()
      for (const reason of ['pointer', 'focus', 'selection', 'scrolled'] as const) {
        view.hold(reason, false)
      }
    }
  }, [view, body, isNewestFirst])
}
