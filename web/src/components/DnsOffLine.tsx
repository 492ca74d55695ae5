/** Says that the resolver does not run and why, with the way to start it. */

import { Play } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { type DnsStatus, switchDns } from '../lib/dns/dnsStatus.ts'
import { t } from '../lib/i18n.ts'
import { Button } from './ui/Button.tsx'

export interface DnsOffLineProps {
  /** Undefined is not known yet. */
  readonly status: DnsStatus | undefined
}

export function DnsOffLine({ status }: DnsOffLineProps): ReactNode {
  if (!status || status.running) return null
  return (
    <section
      aria-label={t('dns.off')}
      data-testid="dns-off"
      className="flex flex-wrap items-center justify-between gap-3 rounded-card border border-line bg-warn-tint px-4 py-3 text-sm"
    >
      <div className="min-w-0">
        <p className="font-semibold text-warn">{t('dns.off')}</p>
        <p className="text-muted">{status.error ?? t('dns.off.hint')}</p>
      </div>
      <DnsStartButton />
    </section>
  )
}

export function DnsStartButton(): ReactNode {
  const [state, setState] = useState<'idle' | 'starting' | Error>('idle')
  const start = (): void => {
    setState('starting')
    switchDns(true).then(
      () => setState('idle'),
      (error: Error) => setState(error),
    )
  }
  return (
    <span className="flex flex-wrap items-center gap-3">
      {state instanceof Error ? (
        <span role="alert" className="text-sm text-bad">
          {state.message}
        </span>
      ) : null}
      <Button
        tone="primary"
        icon={<Play size={14} aria-hidden />}
        data-testid="dns-start"
        disabled={state === 'starting'}
        onClick={start}
      >
        {t('dns.start')}
      </Button>
    </span>
  )
}
