/** What is worth knowing of the list: what was left out, what is missing, what is not kept. */

import { useQuery } from '@tanstack/react-query'
import { EyeOff } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { logPrivacyQuery } from '../../lib/dns/dnsStatus.ts'
import type { LogFeed, LogFeedState } from '../../lib/dns/logFeed.ts'
import { t } from '../../lib/i18n.ts'

export interface LogNotesProps {
  readonly feed: LogFeed
  readonly state: LogFeedState
}

const NOTE = 'rounded-control px-3 py-1.5 text-sm'

export function LogNotes({ feed, state }: LogNotesProps): ReactNode {
  const { data: privacy } = useQuery(logPrivacyQuery)
  const { nLeftOut, trouble, error, status } = state
  return (
    <>
      {privacy === 'no_names' || privacy === 'anonymous_client' ? (
        <p
          data-testid="log-privacy"
          className={`${NOTE} flex items-center gap-2 bg-info-tint text-info`}
        >
          <EyeOff size={15} aria-hidden className="shrink-0" />
          {t(privacy === 'no_names' ? 'dnsLog.privacy.names' : 'dnsLog.privacy.clients')}
        </p>
      ) : null}
      {trouble ? (
        <p role="status" className={`${NOTE} bg-warn-tint text-warn`}>
          {t('dnsLog.trouble', { reason: trouble })}
        </p>
      ) : null}
      {status === 'ready' && error ? (
        <p role="status" className={`${NOTE} bg-warn-tint text-warn`}>
          {t('dnsLog.notLive', { reason: error.message })}
        </p>
      ) : null}
      {nLeftOut > 0 ? (
        <div
          role="status"
          className={`${NOTE} flex flex-wrap items-center justify-between gap-3 bg-warn-tint text-warn`}
        >
          <span data-testid="log-left-out" className="tabular">
            {t('dnsLog.leftOut', { n: nLeftOut })}
          </span>
          <Button className="h-7" onClick={() => feed.reload()}>
            {t('dnsLog.leftOut.load')}
          </Button>
        </div>
      ) : null}
    </>
  )
}
