/** What to do on a server that watches nothing yet. */

import { FlaskConical, Network, Send } from 'lucide-react'
import type { ReactNode } from 'react'
import { CopyButton } from '../../components/ui/CopyButton.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { serverUrl } from '../../lib/api.ts'
import { t } from '../../lib/i18n.ts'

export function FirstRun(): ReactNode {
  const url = `${location.origin}${serverUrl('/api/sse/events')}`
  const steps = [
    {
      key: 'dhcp',
      Icon: Network,
      title: t('overview.first.dhcp'),
      text: t('overview.first.dhcp.text'),
      code: 'tidings serve --dnsmasq-conf /etc/dnsmasq.conf',
    },
    {
      key: 'publish',
      Icon: Send,
      title: t('overview.first.publish'),
      text: t('overview.first.publish.text'),
      code: `curl ${url} -d '{"channel":"demo/hello","type":"note","data":{"text":"hi"}}'`,
    },
    {
      key: 'demo',
      Icon: FlaskConical,
      title: t('overview.first.demo'),
      text: t('overview.first.demo.text'),
      code: '[dhcp.simulate]\nenabled = true\ninterval = "5s"',
    },
  ]
  return (
    <section data-testid="first-run" className="flex flex-col gap-4">
      <div>
        <h2 className="text-lg font-semibold">{t('overview.first.title')}</h2>
        <p className="text-sm text-muted">{t('overview.first.text')}</p>
      </div>
      <div className="grid gap-4 lg:grid-cols-3">
        {steps.map(({ key, Icon, title, text, code }) => (
          <Card key={key} className="flex flex-col gap-3 p-4">
            <Icon size={22} aria-hidden className="text-accent" />
            <div>
              <h3 className="font-semibold">{title}</h3>
              <p className="text-sm text-muted">{text}</p>
            </div>
            <div className="mt-auto flex items-start justify-between gap-2 rounded-control bg-inset py-1 ps-3 pe-1">
              <code className="mono min-w-0 py-1.5 text-xs break-words whitespace-pre-wrap">
                {code}
              </code>
              <CopyButton text={code} what={title} />
            </div>
          </Card>
        ))}
      </div>
    </section>
  )
}
