/** Follows the theme that the page wears, for what is drawn on a canvas. */

import { useSyncExternalStore } from 'react'

/** Returns `dark` or whatever else stands on the page's root. */
export function useThemeName(): string {
  return useSyncExternalStore(subscribe, read)
}

function read(): string {
  return document.documentElement.dataset.theme ?? 'light'
}

function subscribe(listener: () => void): () => void {
  const observer = new MutationObserver(listener)
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
  return () => observer.disconnect()
}
