/** Steers the resolver: start and stop, pause filtering, upstreams with their health, settings. */

import type { ReactNode } from 'react'
import { PauseControl } from '../../components/dns/PauseControl.tsx'
import { Card, PageHeader } from '../../components/ui/Surface.tsx'
import { usePauses } from '../../lib/dns/pauses.ts'
import { t } from '../../lib/i18n.ts'
import { SettingsForm } from './SettingsForm.tsx'
import { StateCard } from './StateCard.tsx'
import { UpstreamsCard } from './UpstreamsCard.tsx'

export function DnsControlPage(): ReactNode {
  return (
    <div className="mx-auto flex max-w-5xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('dnsControl.title')} subtitle={t('dnsControl.subtitle')} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <div className="flex min-w-0 flex-col gap-4">
          <StateCard />
          <PauseCard />
        </div>
        <UpstreamsCard />
      </div>
      <SettingsForm />
    </div>
  )
}

/** Stays away until the server has said what is paused. */
function PauseCard(): ReactNode {
  const { data } = usePauses()
  if (data === undefined) return null
  return (
    <Card title={t('dnsControl.pause')} className="pb-4">
      <p className="px-4 pt-3 pb-3 text-sm text-muted text-pretty">{t('dnsControl.pause.text')}</p>
      <div className="px-4">
        <PauseControl who={{ scope: 'all' }} testId="pause-all" />
      </div>
    </Card>
  )
}
