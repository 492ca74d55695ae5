/** Whether the server brings another build of this dashboard than the one that the page was loaded with. */

import { useSyncExternalStore } from 'react'
import { client } from './client.ts'

/** Build of the page; null where the server did not write it in, as in development. */
const loadedBuild: string | null =
  document.querySelector<HTMLMetaElement>('meta[name=tidings-dashboard]')?.content ?? null

let servedBuild: string | null = null

function subscribe(listener: () => void): () => void {
  return client.subscribe('version', ({ data }) => {
    servedBuild = data.dashboard ?? null
    listener()
  })
}

function isNew(): boolean {
  return loadedBuild !== null && servedBuild !== null && loadedBuild !== servedBuild
}

/** Returns whether the page should be loaded anew. */
export function useNewBuild(): boolean {
  return useSyncExternalStore(subscribe, isNew)
}
