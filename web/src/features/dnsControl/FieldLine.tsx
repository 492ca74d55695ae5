/** One setting that can be changed: what it means, its field, where its value comes from. */

import { Undo2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Badge } from '../../components/ui/Surface.tsx'
import { cx } from '../../lib/cx.ts'
import { t } from '../../lib/i18n.ts'
import { tomlValue } from '../../lib/settingText.ts'
import { FieldEditor } from './FieldEditor.tsx'
import { type DnsSetting, type Drafts, draftedValue, TAKEN_BACK } from './settingsDraft.ts'

const ORIGINS = ['default', 'file', 'environment', 'flag', 'found', 'demo'] as const

export interface FieldLineProps {
  readonly setting: DnsSetting
  readonly drafts: Drafts
  readonly isChanged: boolean
  readonly problem: string | null
  /** Counts up when drafts are dropped as a whole. */
  readonly generation: number
  readonly onChange: (key: string, value: unknown) => void
}

export function FieldLine(props: FieldLineProps): ReactNode {
  const { setting, drafts, isChanged, problem, generation, onChange } = props
  const { key, meaning } = setting
  const draft = drafts.get(key)
  return (
    <li
      data-testid="dns-setting"
      data-key={key}
      data-changed={isChanged || undefined}
      className={cx(
        'grid gap-x-6 gap-y-2 border-s-2 px-4 py-3 text-sm md:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]',
        isChanged ? 'border-s-accent' : 'border-s-transparent',
      )}
    >
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className="mono font-medium break-all">{key}</span>
          <Origin setting={setting} />
          {setting.needsRestart ? <Badge tone="warn">{t('dnsControl.restart')}</Badge> : null}
        </p>
        <p className="text-muted text-pretty">{meaning.replaceAll('`', '')}</p>
      </div>
      <div className="min-w-0">
        <FieldEditor
          // A value from elsewhere is another field, or typed lines would hide it.
          key={`${generation} ${JSON.stringify(setting.value)} ${draft === TAKEN_BACK}`}
          settingKey={key}
          kind={setting.kind}
          value={draftedValue(setting, drafts)}
          problem={problem}
          onChange={(value) => onChange(key, value)}
        />
        {problem !== null && (setting.kind === 'switch' || key === 'upstream.servers') ? (
          <p className="mt-1 text-xs text-bad">{problem}</p>
        ) : null}
        {setting.isSetHere && draft !== TAKEN_BACK ? (
          <Button
            tone="quiet"
            icon={<Undo2 size={14} aria-hidden />}
            onClick={() => onChange(key, TAKEN_BACK)}
            className="mt-1 h-auto min-h-7 max-w-full px-2 whitespace-normal"
          >
            <span className="min-w-0 text-start break-all">
              {t('dnsControl.takeBack', { value: tomlValue(setting.base) })}
              <span className="sr-only">: {key}</span>
            </span>
          </Button>
        ) : null}
      </div>
    </li>
  )
}

function Origin({ setting }: { readonly setting: DnsSetting }): ReactNode {
  if (setting.isSetHere) return <Badge tone="info">{t('dnsControl.origin.here')}</Badge>
  const { kind, name } = setting.origin
  const known = ORIGINS.find((one) => one === kind)
  return (
    <span title={name ?? undefined}>
      <Badge>{known ? t(`settings.origin.${known}`) : kind}</Badge>
    </span>
  )
}
