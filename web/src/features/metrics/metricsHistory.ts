/** An hour of looks at the server's figures, kept in this tab also over a reload. */

import { request } from '../../lib/api.ts'
import { type Look, lookAt } from './figures.ts'
import { parseMetrics } from './parseMetrics.ts'

/** Time between two looks. */
export const LOOK_MS = 5000
/** Looks that are kept: an hour of them. */
const LOOKS_MAX = 720
/** A later version of what is kept must not read an older one. */
const STORAGE_KEY = 'tidings-metrics-1'

export interface MetricsState {
  readonly looks: readonly Look[]
  readonly error: Error | null
}

const listeners = new Set<() => void>()
let state: MetricsState = { looks: restore(), error: null }
let timer: ReturnType<typeof setTimeout> | undefined

export function metricsState(): MetricsState {
  return state
}

/** Looks at the figures from the first listener on, as long as the tab lives and is visible. */
export function subscribeMetrics(listener: () => void): () => void {
  listeners.add(listener)
  if (timer === undefined) void look()
  return () => listeners.delete(listener)
}

async function look(): Promise<void> {
  // A hidden tab asks for nothing; its lines go on where they stopped.
  if (!document.hidden) {
    try {
      const response = await request('/metrics', { headers: { Accept: 'text/plain' } })
      const next = lookAt(parseMetrics(await response.text()), Date.now())
      show({ looks: [...state.looks.slice(1 - LOOKS_MAX), next], error: null })
      keep()
    } catch (error) {
      show({ ...state, error: error instanceof Error ? error : new Error(String(error)) })
    }
  }
  timer = setTimeout(look, LOOK_MS)
}

function show(next: MetricsState): void {
  state = next
  for (const listener of listeners) listener()
}

function keep(): void {
  try {
    sessionStorage.setItem(STORAGE_KEY, JSON.stringify(state.looks))
  } catch {
    // Forbidden or full: the history lasts as long as the page.
  }
}

function restore(): readonly Look[] {
  try {
    // Only this module writes the key, in this shape.
    const looks = JSON.parse(sessionStorage.getItem(STORAGE_KEY) ?? '[]') as readonly Look[]
    // JSON has no infinity: the last bound comes back as null.
    return looks.map((old) => ({
      ...old,
      latencyBounds: old.latencyBounds.map((bound) => bound ?? Number.POSITIVE_INFINITY),
    }))
  } catch {
    return []
  }
}
