/** Keeps data fresh by asking every 15 s while the stream is down. */

import { useSyncExternalStore } from 'react'
import { client } from './client.ts'
import { GRACE_MS } from './tone.ts'

/** Time between two checks while the stream is down. */
export const POLL_MS = 15_000

export interface PollingState {
  readonly isOn: boolean
  readonly checkedAtMs: number | null
}

const tasks = new Set<() => Promise<unknown>>()
const listeners = new Set<() => void>()
let state: PollingState = { isOn: false, checkedAtMs: null }
let timer: ReturnType<typeof setTimeout> | undefined

/** Has `check` called every 15 s while the stream is down; returns how to stop. */
export function pollWhileDown(check: () => Promise<unknown>): () => void {
  tasks.add(check)
  return () => tasks.delete(check)
}

/** Follows the connection for the life of the page. */
export function startPolling(): void {
  client.onConnectionChange(
    ({ status }) => {
      if (status === 'open') {
        clearTimeout(timer)
        timer = undefined
        if (state.isOn) show({ isOn: false, checkedAtMs: null })
        return
      }
      timer ??= setTimeout(check, GRACE_MS)
    },
    { emitCurrent: true },
  )
}

async function check(): Promise<void> {
  if (!state.isOn) show({ isOn: true, checkedAtMs: state.checkedAtMs })
  const results = await Promise.allSettled([...tasks].map((task) => task()))
  if (!state.isOn) return
  const isFresh = results.some((result) => result.status === 'fulfilled')
  if (isFresh) show({ isOn: true, checkedAtMs: Date.now() })
  timer = setTimeout(check, POLL_MS)
}

function show(next: PollingState): void {
  state = next
  for (const listener of listeners) listener()
}

/** Returns whether data comes by asking now, and when it last came. */
export function usePolling(): PollingState {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    () => state,
  )
}
