/** Whether the resolver runs, where it listens, what failed, and the button that changes it. */

import { useQueryClient } from '@tanstack/react-query'
import { CircleAlert, Play, Square } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { Badge, Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { type DnsStatus, dnsStatusQuery, switchDns, useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { formatMoment } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

const ConfirmDialog = lazy(() =>
  import('../../components/ui/ConfirmDialog.tsx').then((module) => ({
    default: module.ConfirmDialog,
  })),
)

export function StateCard(): ReactNode {
  const { data, error } = useDnsStatus()
  return (
    <Card title={t('dnsControl.state')} aside={data ? <StateBadge status={data} /> : null}>
      {data ? (
        <State status={data} />
      ) : error ? (
        <EmptyState
          icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
          title={t('dnsControl.failed')}
          hint={error.message}
        />
      ) : (
        <Skeleton className="m-4 h-24" />
      )}
    </Card>
  )
}

function StateBadge({ status }: { readonly status: DnsStatus }): ReactNode {
  return (
    <Badge tone={status.running ? 'ok' : 'neutral'} testId="dns-state">
      {t(status.running ? 'dnsControl.state.running' : 'dnsControl.state.stopped')}
    </Badge>
  )
}

function State({ status }: { readonly status: DnsStatus }): ReactNode {
  const nowMs = useNow('minute')
  const sinceMs = Date.parse(status.since)
  const { log } = status
  const nLost = log.lost.rings + log.lost.disk
  return (
    <div className="p-4">
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-6 gap-y-2 text-sm">
        <dt className="text-muted">{t('dnsControl.state.listens')}</dt>
        <dd data-testid="dns-addresses" className="mono flex flex-wrap justify-end gap-x-3">
          {status.addresses.length === 0 ? (
            <span className="font-sans text-muted">{t('dnsControl.state.nowhere')}</span>
          ) : (
            byAddress(status).map(([address, transports]) => (
              <span key={address}>
                {address} <span className="text-muted">{transports.join(', ')}</span>
              </span>
            ))
          )}
        </dd>
        <dt className="text-muted">{t('dnsControl.state.since')}</dt>
        <dd className="text-end" title={formatMoment(sinceMs)}>
          {agoText(sinceMs, nowMs)}
        </dd>
        <dt className="text-muted">{t('dnsControl.state.log')}</dt>
        <dd className="tabular text-end">
          <span className="mono">{log.driver}</span>
          {', '}
          {log.entries > 0
            ? t('dnsControl.state.log.entries', { n: log.entries })
            : t('dnsControl.state.log.memory', { n: log.recent })}
          {nLost > 0 ? (
            <span className="text-warn">, {t('dnsControl.state.log.lost', { n: nLost })}</span>
          ) : null}
        </dd>
      </dl>
      {status.error ? (
        <Problem text={`${t('dnsControl.state.error')}: ${status.error}`} testId="dns-error" />
      ) : null}
      {log.error ? <Problem text={`${t('dnsControl.state.log.error')}: ${log.error}`} /> : null}
      <Switcher isRunning={status.running} hasError={Boolean(status.error)} />
    </div>
  )
}

/** Joins UDP and TCP of one address. */
function byAddress(status: DnsStatus): readonly (readonly [string, readonly string[]])[] {
  const found = new Map<string, string[]>()
  for (const { address, transport } of status.addresses) {
    found.set(address, [...(found.get(address) ?? []), transport.toUpperCase()])
  }
  return [...found]
}

interface SwitcherProps {
  readonly isRunning: boolean
  /** The status says already why a start failed. */
  readonly hasError: boolean
}

function Switcher({ isRunning, hasError }: SwitcherProps): ReactNode {
  const queries = useQueryClient()
  const [isAsking, setIsAsking] = useState(false)
  const [isStarting, setIsStarting] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const start = async (): Promise<void> => {
    setIsStarting(true)
    setProblem(null)
    try {
      await switchDns(true)
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
      await queries.invalidateQueries({ queryKey: dnsStatusQuery.queryKey })
    } finally {
      setIsStarting(false)
    }
  }
  return (
    <>
      <Problem text={hasError ? null : problem} />
      <div className="mt-4 flex justify-end">
        {isRunning ? (
          <Button
            tone="danger"
            data-testid="dns-stop"
            icon={<Square size={13} aria-hidden />}
            onClick={() => setIsAsking(true)}
          >
            {t('dnsControl.stop')}
          </Button>
        ) : (
          <Button
            tone="primary"
            data-testid="dns-start"
            disabled={isStarting}
            icon={<Play size={13} aria-hidden />}
            onClick={() => void start()}
          >
            {t(isStarting ? 'dnsControl.starting' : 'dnsControl.start')}
          </Button>
        )}
      </div>
      <Suspense>
        {isAsking ? (
          <ConfirmDialog
            title={t('dnsControl.stop.title')}
            yes={t('dnsControl.stop.yes')}
            onYes={() => switchDns(false)}
            onClose={() => setIsAsking(false)}
          >
            <p className="text-muted">{t('dnsControl.stop.text')}</p>
          </ConfirmDialog>
        ) : null}
      </Suspense>
    </>
  )
}
