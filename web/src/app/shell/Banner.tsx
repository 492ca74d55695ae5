/** Line under the top bar while the page is not live: why, and how the data is kept fresh. */

import { TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { client } from '../../lib/client.ts'
import { useConnection, useTone } from '../../lib/connection.ts'
import { formatClock } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { POLL_MS, usePolling } from '../../lib/polling.ts'

export function Banner(): ReactNode {
  const tone = useTone()
  const { error } = useConnection()
  const polling = usePolling()
  if (tone !== 'disconnected' && !polling.isOn) return null
  return (
    <div
      data-testid="sse-banner"
      className="flex flex-wrap items-center gap-x-3 gap-y-1 border-b border-line bg-warn-tint px-4 py-2 text-sm"
    >
      <TriangleAlert size={16} aria-hidden className="shrink-0 text-warn" />
      <p className="min-w-0 flex-1 basis-60">
        <strong className="font-semibold">{t('banner.title')}</strong>
        {error ? <span className="text-muted"> · {error.message}</span> : null}
        <span className="text-muted">
          {' '}
          · {t('banner.polling', { n: POLL_MS / 1000 })}
          {polling.checkedAtMs === null
            ? null
            : ` ${t('banner.checked', { time: formatClock(polling.checkedAtMs) })}`}
        </span>
      </p>
      <button
        type="button"
        onClick={() => client.reconnect()}
        className="h-7 rounded-control px-2 font-medium text-accent-strong underline-offset-2 hover:underline"
      >
        {t('banner.retry')}
      </button>
    </div>
  )
}
