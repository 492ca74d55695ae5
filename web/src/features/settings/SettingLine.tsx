/** One setting: its key and meaning, its value, and where the value comes from. */

import type { ReactNode } from 'react'
import { Badge, type BadgeTone } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import type { Setting } from '../../lib/settingsQuery.ts'
import { tomlValue } from '../../lib/settingText.ts'

const TONES: Readonly<Record<string, BadgeTone>> = {
  file: 'info',
  environment: 'warn',
  flag: 'warn',
  found: 'ok',
  demo: 'ok',
}

export function SettingLine({ setting }: { readonly setting: Setting }): ReactNode {
  const { key, meaning, origin, variable } = setting
  return (
    <li
      data-testid="setting"
      data-key={key}
      className="grid gap-x-6 gap-y-1 px-4 py-2.5 text-sm md:grid-cols-[minmax(0,1.2fr)_minmax(0,1fr)]"
    >
      <div className="min-w-0">
        <p className="mono font-medium break-all" title={`${t('settings.variable')}: ${variable}`}>
          {key}
        </p>
        <p className="text-muted text-pretty">{meaning.replaceAll('`', '')}</p>
      </div>
      <div className="flex min-w-0 flex-wrap items-start gap-x-3 gap-y-1 md:justify-end">
        <Value setting={setting} />
        <Origin kind={origin.kind} name={origin.name ?? null} />
      </div>
    </li>
  )
}

function Value({ setting }: { readonly setting: Setting }): ReactNode {
  if (!setting.is_set) {
    return <span className="text-faint">{t('settings.value.unset')}</span>
  }
  if (setting.is_secret) {
    return <span className="text-muted">{t('settings.value.secret')}</span>
  }
  const isDefault = setting.origin.kind === 'default' || setting.default === null
  return (
    <span
      className="mono min-w-0 break-all"
      title={isDefault ? undefined : t('settings.default', { value: tomlValue(setting.default) })}
    >
      {tomlValue(setting.value)}
    </span>
  )
}

interface OriginProps {
  readonly kind: string
  readonly name: string | null
}

const KNOWN = ['default', 'file', 'environment', 'flag', 'found', 'demo'] as const

function Origin({ kind, name }: OriginProps): ReactNode {
  const known = KNOWN.find((one) => one === kind)
  const word = known ? t(`settings.origin.${known}`) : kind
  const isNamed = name !== null && kind !== 'file'
  return (
    <span title={name ?? undefined} className="shrink-0">
      <Badge tone={TONES[kind] ?? 'neutral'}>
        {word}
        {isNamed ? <span className="mono">{name}</span> : null}
      </Badge>
    </span>
  )
}
