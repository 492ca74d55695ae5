/** Keyboard map of the page: single letters, `g` sequences, and who answers a key now. */

import { useEffect, useRef, useSyncExternalStore } from 'react'
import { readStored, writeStored } from './storage.ts'

/** `j`, `?`, `Escape`, `mod+k`, or a sequence as `g l`. */
export type KeyName = string

const STORAGE_KEY = 'tidings-single-keys'
/** Longest time between the keys of a sequence. */
const SEQUENCE_MS = 1200

interface Binding {
  readonly key: KeyName
  readonly run: () => void
}

/** Later bindings win, so a dialog answers before the page under it. */
const bindings: Binding[] = []
const listeners = new Set<() => void>()
let areSinglesOn = readStored(STORAGE_KEY) !== 'off'
let prefix: { key: string; atMs: number } | null = null
let isListening = false

/** Answers a key while the component is shown; `isOn` false leaves it to others. */
export function useKey(key: KeyName, run: () => void, isOn = true): void {
  const latest = useRef(run)
  useEffect(() => {
    latest.current = run
  })
  useEffect(() => {
    if (!isOn) return
    const binding: Binding = { key, run: () => latest.current() }
    bindings.push(binding)
    listen()
    return () => {
      bindings.splice(bindings.indexOf(binding), 1)
    }
  }, [key, isOn])
}

/** Returns whether single-letter keys are on (WCAG 2.1.4). */
export function useSingleKeys(): boolean {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => areSinglesOn,
  )
}

export function setSingleKeys(isOn: boolean): void {
  areSinglesOn = isOn
  writeStored(STORAGE_KEY, isOn ? 'on' : 'off')
  for (const listener of listeners) listener()
}

function listen(): void {
  if (isListening) return
  isListening = true
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.isComposing) return
    const name = nameOf(event)
    if (name === null) return
    const binding = findLast(name)
    prefix = name.length === 1 && !binding ? { key: name, atMs: Date.now() } : null
    if (!binding) return
    event.preventDefault()
    binding.run()
  })
}

function findLast(name: string): Binding | undefined {
  const isFollowUp = prefix !== null && Date.now() - prefix.atMs < SEQUENCE_MS
  const sequence = isFollowUp ? `${prefix?.key} ${name}` : null
  for (let place = bindings.length - 1; place >= 0; place -= 1) {
    const binding = bindings[place]
    if (binding && binding.key === sequence) return binding
  }
  if (isFollowUp && prefix?.key === 'g') return undefined
  return bindings.findLast((binding) => binding.key === name)
}

/** Names a key press; null for what must not act: letters typed into a field, or switched off. */
function nameOf(event: KeyboardEvent): string | null {
  if (event.ctrlKey || event.metaKey) return event.altKey ? null : `mod+${event.key.toLowerCase()}`
  if (event.altKey) return null
  const isSingle = event.key.length === 1
  const target = event.target instanceof Element ? event.target : null
  const isTyping = target?.closest('input, textarea, select, [contenteditable]') != null
  if (isTyping && event.key !== 'Escape') return null
  if (isSingle && !areSinglesOn) return null
  // Space and Enter belong to the button that has the focus.
  const isButton = target?.closest('button, a, summary, [role="menuitem"]') != null
  if (isButton && (event.key === ' ' || event.key === 'Enter')) return null
  return event.key
}
