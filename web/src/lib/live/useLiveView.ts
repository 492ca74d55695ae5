/** Keeps one view of live data for as long as a page is shown. */

import { useEffect, useState } from 'react'
import type { LiveCollection } from './collection.ts'
import { type Arrangement, createLiveView, type LiveView } from './liveView.ts'

/** A new `arrangement` object sorts and filters anew, so make it only when it differs. */
export function useLiveView<Row>(
  collection: LiveCollection<Row>,
  arrangement: Arrangement<Row>,
): LiveView<Row> {
  const [view] = useState(() => createLiveView(collection, arrangement))
  useEffect(() => view.arrange(arrangement), [view, arrangement])
  useEffect(() => {
    view.open()
    return () => view.close()
  }, [view])
  return view
}
