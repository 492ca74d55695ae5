/** Every setting in effect, with where its value comes from; to be read, not to be changed. */

import { useQuery } from '@tanstack/react-query'
import { CircleAlert } from 'lucide-react'
import { type ReactNode, useMemo, useState } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { SearchField } from '../../components/SearchField.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Card, EmptyState, PageHeader, Skeleton } from '../../components/ui/Surface.tsx'
import { download } from '../../lib/csv.ts'
import { t } from '../../lib/i18n.ts'
import { type Setting, settingsQuery } from '../../lib/settingsQuery.ts'
import { sectionOf, settingsToml } from '../../lib/settingText.ts'
import { SettingLine } from './SettingLine.tsx'

type Shown = 'all' | 'changed'

export function SettingsPage(): ReactNode {
  const { data, error } = useQuery(settingsQuery)
  const [text, setText] = useState('')
  const [shown, setShown] = useState<Shown>('all')
  const all = data?.settings
  const sections = useMemo(
    () => grouped((all ?? []).filter(matches(text, shown))),
    [all, text, shown],
  )
  return (
    <div className="mx-auto flex max-w-5xl flex-col gap-4 p-3 md:p-5">
      <PageHeader title={t('settings.title')} subtitle={t('settings.subtitle')}>
        <Choices
          label={t('settings.show')}
          value={shown}
          options={[
            { value: 'all', label: t('settings.show.all') },
            { value: 'changed', label: t('settings.show.changed') },
          ]}
          onChange={setShown}
        />
        <Button
          disabled={!all}
          onClick={() => all && download('tidings.toml', 'text/plain', settingsToml(all))}
        >
          {t('settings.export')}
        </Button>
      </PageHeader>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <SearchField
          label={t('settings.search')}
          value={text}
          onChange={setText}
          testId="settings-search"
        />
        <p className="min-w-0 text-sm text-muted">
          {t('settings.file')}:{' '}
          <span className="mono break-all">{data?.config_file ?? t('settings.file.none')}</span>
        </p>
      </div>
      {sections.map(([section, settings]) => (
        <Card
          key={section}
          title={section === '' ? t('settings.section.general') : `[${section}]`}
          testId={`settings-${section || 'general'}`}
        >
          <ul className="divide-y divide-line">
            {settings.map((setting) => (
              <SettingLine key={setting.key} setting={setting} />
            ))}
          </ul>
        </Card>
      ))}
      {all && sections.length === 0 ? <EmptyState title={t('settings.none')} /> : null}
      {!all && !error ? <Loading /> : null}
      {!all && error ? (
        <EmptyState
          icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
          title={t('settings.failed')}
          hint={error.message}
        />
      ) : null}
      <p className="text-sm text-muted text-pretty">{t('settings.how')}</p>
    </div>
  )
}

function Loading(): ReactNode {
  return (
    <Card className="flex flex-col gap-3 p-4">
      <Skeleton className="h-4 w-40" />
      <Skeleton className="h-3 w-full" />
      <Skeleton className="h-3 w-2/3" />
    </Card>
  )
}

function matches(text: string, shown: Shown): (setting: Setting) => boolean {
  const wanted = text.trim().toLowerCase()
  return ({ key, meaning, origin }) =>
    (shown === 'all' || origin.kind !== 'default') &&
    (key.includes(wanted) || meaning.toLowerCase().includes(wanted))
}

function grouped(settings: readonly Setting[]): readonly (readonly [string, readonly Setting[]])[] {
  const sections = new Map<string, Setting[]>()
  for (const setting of settings) {
    const section = sectionOf(setting)
    const held = sections.get(section)
    if (held) held.push(setting)
    else sections.set(section, [setting])
  }
  return [...sections]
}
