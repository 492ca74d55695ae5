/** Chooses upstreams: providers by name, or any address, in the order in which they are asked. */

import { ArrowUp, X } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { t } from '../../lib/i18n.ts'

const PROVIDERS = [
  'quad9',
  'cloudflare',
  'google',
  'opendns',
  'nextdns',
  'system',
  'other',
] as const

type Provider = (typeof PROVIDERS)[number]

export interface ServersFieldProps {
  readonly servers: readonly string[]
  readonly onChange: (servers: readonly string[]) => void
}

export function ServersField({ servers, onChange }: ServersFieldProps): ReactNode {
  const earlier = (place: number): void => {
    const before = servers[place - 1]
    const server = servers[place]
    if (before === undefined || server === undefined) return
    onChange(servers.toSpliced(place - 1, 2, server, before))
  }
  return (
    <div className="flex flex-col gap-2">
      {servers.length === 0 ? (
        <p className="text-sm text-bad">{t('dnsControl.provider.none')}</p>
      ) : (
        <ol className="divide-y divide-line rounded-control border border-line-strong bg-surface">
          {servers.map((server, place) => (
            <li
              key={server}
              data-testid="server"
              className="flex min-h-8 items-center justify-between gap-2 ps-2.5 pe-1"
            >
              <span className="mono min-w-0 break-all">{server}</span>
              <span className="flex shrink-0">
                {place > 0 ? (
                  <IconButton
                    aria-label={t('dnsControl.provider.earlier', { name: server })}
                    icon={<ArrowUp size={14} aria-hidden />}
                    onClick={() => earlier(place)}
                    className="size-7"
                  />
                ) : null}
                <IconButton
                  aria-label={t('dnsControl.provider.remove', { name: server })}
                  icon={<X size={14} aria-hidden />}
                  onClick={() => onChange(servers.filter((other) => other !== server))}
                  className="size-7"
                />
              </span>
            </li>
          ))}
        </ol>
      )}
      <AddServer onAdd={(server) => servers.includes(server) || onChange([...servers, server])} />
    </div>
  )
}

function AddServer({ onAdd }: { readonly onAdd: (server: string) => void }): ReactNode {
  const [provider, setProvider] = useState<Provider>('quad9')
  const [text, setText] = useState('')
  const needsText = provider === 'nextdns' || provider === 'other'
  const server = serverText(provider, text)
  const add = (): void => {
    if (server === null) return
    onAdd(server)
    setText('')
  }
  return (
    <div className="flex flex-wrap items-end gap-2">
      <SelectField
        label={t('dnsControl.provider')}
        value={provider}
        options={PROVIDERS.map((value) => ({ value, label: t(`dnsControl.provider.${value}`) }))}
        onChange={setProvider}
        testId="provider"
        className="w-36"
      />
      {needsText ? (
        <TextField
          label={t(`dnsControl.provider.${provider === 'nextdns' ? 'profile' : 'address'}`)}
          value={text}
          onChange={setText}
          onEnter={add}
          isMono
          testId="provider-text"
          className="min-w-40 flex-1"
        />
      ) : null}
      <Button data-testid="provider-add" disabled={server === null} onClick={add}>
        {t('dnsControl.provider.add')}
      </Button>
    </div>
  )
}

/** Writes an upstream as the settings have it; null while something is missing. */
export function serverText(provider: Provider, text: string): string | null {
  const trimmed = text.trim()
  if (provider === 'other') return trimmed || null
  if (provider === 'nextdns') return trimmed ? `nextdns/${trimmed}` : null
  return provider
}
