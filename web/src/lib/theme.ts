/** Holds the reader's choice of theme; `theme-before-paint.js` applies it before the first paint. */

import { useSyncExternalStore } from 'react'
import { readStored, writeStored } from './storage.ts'

export type ThemeChoice = 'system' | 'light' | 'dark'

const STORAGE_KEY = 'tidings-theme'
const ORDER: readonly ThemeChoice[] = ['system', 'light', 'dark']
const listeners = new Set<() => void>()
const prefersDark = matchMedia('(prefers-color-scheme: dark)')

let choice: ThemeChoice = ORDER.find((known) => known === readStored(STORAGE_KEY)) ?? 'system'

prefersDark.addEventListener('change', apply)
addEventListener('storage', (event) => {
  if (event.key !== STORAGE_KEY) return
  choice = ORDER.find((known) => known === event.newValue) ?? 'system'
  apply()
})

function apply(): void {
  const isDark = choice === 'dark' || (choice === 'system' && prefersDark.matches)
  document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
  for (const listener of listeners) listener()
}

export function setTheme(next: ThemeChoice): void {
  choice = next
  writeStored(STORAGE_KEY, next)
  apply()
}

/** Goes on to the next of system, light, dark. */
export function cycleTheme(): void {
  setTheme(ORDER[(ORDER.indexOf(choice) + 1) % ORDER.length] ?? 'system')
}

/** Returns the choice and follows its changes, also those made in other tabs. */
export function useThemeChoice(): ThemeChoice {
  return useSyncExternalStore(subscribe, () => choice)
}

/** Returns whether the page is dark now; canvases read their colours anew when it changes. */
export function useIsDark(): boolean {
  return useSyncExternalStore(subscribe, () => document.documentElement.dataset.theme === 'dark')
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
