/** What to do on a server that watches nothing yet. */

import { useQuery } from '@tanstack/react-query'
import { FlaskConical, type LucideIcon, Network, Send } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { serverUrl } from '../../lib/api.ts'
import { t } from '../../lib/i18n.ts'
import { type Candidate, setupQuery } from '../../lib/setup.ts'
import { switchDemo } from '../../lib/simulate.ts'

const USUAL_CONF = '/etc/dnsmasq.conf'

export function FirstRun(): ReactNode {
  const { data } = useQuery(setupQuery)
  const candidates = data?.candidates.filter((candidate) => !candidate.is_watched) ?? []
  const url = `${location.origin}${serverUrl('/api/sse/events')}`
  return (
    <section data-testid="first-run" className="flex flex-col gap-4">
      <div>
        <h2 className="text-lg font-semibold">{t('overview.first.title')}</h2>
        <p className="text-sm text-muted">{t('overview.first.text')}</p>
      </div>
      <div className="grid gap-4 lg:grid-cols-3">
        <Step
          Icon={Network}
          title={t('overview.first.dhcp')}
          text={t('overview.first.dhcp.text')}
          code={commandFor(candidates[0])}
        >
          <Candidates candidates={candidates} />
        </Step>
        <Step
          Icon={Send}
          title={t('overview.first.publish')}
          text={t('overview.first.publish.text')}
          code={`curl ${url} -d '{"channel":"demo/hello","type":"note","data":{"text":"hi"}}'`}
        />
        <Step
          Icon={FlaskConical}
          title={t('overview.first.demo')}
          text={t('overview.first.demo.text')}
          code={null}
        >
          <DemoStart isAllowed={data?.demo.is_allowed ?? true} />
        </Step>
      </div>
    </section>
  )
}

function commandFor(candidate: Candidate | undefined): string {
  if (candidate && candidate.dnsmasq_conf === null)
    return `tidings serve --leases ${candidate.leases}`
  return `tidings serve --dnsmasq-conf ${candidate?.dnsmasq_conf ?? USUAL_CONF}`
}

interface StepProps {
  readonly Icon: LucideIcon
  readonly title: string
  readonly text: string
  readonly code: string | null
  readonly children?: ReactNode
}

function Step({ Icon, title, text, code, children }: StepProps): ReactNode {
  return (
    <Card className="flex flex-col gap-3 p-4">
      <Icon size={22} aria-hidden className="text-accent" />
      <div>
        <h3 className="font-semibold">{title}</h3>
        <p className="text-sm text-muted">{text}</p>
      </div>
      {children}
      {code === null ? null : (
        <div className="mt-auto flex items-start justify-between gap-2 rounded-control bg-inset py-1 ps-3 pe-1">
          <code className="mono min-w-0 py-1.5 text-xs break-words whitespace-pre-wrap">
            {code}
          </code>
          <CopyButton text={code} what={title} />
        </div>
      )}
    </Card>
  )
}

/** The servers that were found, each with its first leases. */
function Candidates({ candidates }: { readonly candidates: readonly Candidate[] }): ReactNode {
  if (candidates.length === 0) return null
  return (
    <div className="text-sm">
      <p className="text-muted">{t('overview.first.dhcp.found')}</p>
      <ul className="mt-1 flex flex-col gap-2">
        {candidates.map((candidate) => (
          <li key={candidate.leases}>
            <p className="flex justify-between gap-3">
              <span className="mono truncate">{candidate.leases}</span>
              {candidate.n_leases === null ? null : (
                <span className="tabular shrink-0 text-muted">
                  {t('overview.first.dhcp.leases', { n: candidate.n_leases })}
                </span>
              )}
            </p>
            {candidate.problem ? <p className="text-xs text-bad">{candidate.problem}</p> : null}
            {candidate.preview.map((lease) => (
              <p key={lease.ip_address} className="mono truncate text-xs text-muted">
                {lease.ip_address} {lease.hostname ?? lease.mac_address}
              </p>
            ))}
          </li>
        ))}
      </ul>
    </div>
  )
}

function DemoStart({ isAllowed }: { readonly isAllowed: boolean }): ReactNode {
  const [problem, setProblem] = useState<string | null>(null)
  if (!isAllowed) return <p className="text-sm text-muted">{t('overview.first.demo.refused')}</p>
  const start = (): void => {
    setProblem(null)
    switchDemo(true).catch((error: Error) => setProblem(error.message))
  }
  return (
    <div className="mt-auto">
      <Button tone="primary" data-testid="demo-start" onClick={start}>
        {t('overview.first.demo.start')}
      </Button>
      {problem === null ? null : (
        <p role="alert" className="mt-2 text-sm text-bad">
          {t('overview.first.failed', { reason: problem })}
        </p>
      )}
    </div>
  )
}
