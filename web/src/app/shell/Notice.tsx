/** The one notice of a lost connection: after a grace, once, and it turns into the good news. */

import { CircleCheck, TriangleAlert, X } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { IconButton } from '../../components/ui/Button.tsx'
import { client } from '../../lib/client.ts'
import { formatDuration } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { type NoticeState, watchNotice } from '../../lib/notice.ts'
import { GRACE_MS } from '../../lib/tone.ts'

/** How long the good news stays. */
const RESTORED_SHOWN_MS = 5000

export function Notice(): ReactNode {
  const [notice, setNotice] = useState<NoticeState>({ kind: 'none' })
  useEffect(() => watchNotice(client, GRACE_MS, setNotice), [])
  useEffect(() => {
    if (notice.kind !== 'restored') return
    const timer = setTimeout(() => setNotice({ kind: 'none' }), RESTORED_SHOWN_MS)
    return () => clearTimeout(timer)
  }, [notice])
  return (
    <div
      aria-live="polite"
      className="pointer-events-none fixed end-4 top-16 z-40 max-w-[calc(100vw-2rem)]"
    >
      {notice.kind === 'none' ? null : (
        <div
          data-testid="connection-notice"
          className="pointer-events-auto flex w-90 max-w-full items-start gap-3 rounded-card border border-line bg-raised py-3 ps-4 pe-2 shadow-pop"
        >
          {notice.kind === 'lost' ? (
            <TriangleAlert size={18} aria-hidden className="mt-0.5 shrink-0 text-warn" />
          ) : (
            <CircleCheck size={18} aria-hidden className="mt-0.5 shrink-0 text-ok" />
          )}
          <div className="min-w-0 flex-1 text-sm">
            <p className="font-semibold">
              {t(notice.kind === 'lost' ? 'notice.lost.title' : 'notice.restored.title')}
            </p>
            <p className="text-muted">{text(notice)}</p>
          </div>
          <IconButton
            aria-label={t('notice.close')}
            icon={<X size={16} />}
            onClick={() => setNotice({ kind: 'none' })}
          />
        </div>
      )}
    </div>
  )
}

function text(notice: Exclude<NoticeState, { kind: 'none' }>): string {
  if (notice.kind === 'lost') return t('notice.lost')
  const time = formatDuration(notice.awayMs)
  return t(notice.isReplayed ? 'notice.restored.replayed' : 'notice.restored.reloaded', { time })
}
