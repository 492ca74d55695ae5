/** The resolver's settings under their headings, each with its field. */

import { CircleAlert } from 'lucide-react'
import { type ReactNode, useMemo, useState } from 'react'
import { SearchField } from '../../components/SearchField.tsx'
import { Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { t } from '../../lib/i18n.ts'
import { ChangesBar } from './ChangesBar.tsx'
import { FieldLine } from './FieldLine.tsx'
import { sectionsOf } from './settingSections.ts'
import { useSettingsDraft } from './useSettingsDraft.ts'

export function SettingsForm(): ReactNode {
  const draft = useSettingsDraft()
  const [text, setText] = useState('')
  const { settings, error, refusal } = draft
  const sections = useMemo(() => sectionsOf(settings ?? [], text), [settings, text])
  const changed = new Set(draft.changes.map(({ key }) => key))
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="text-lg font-semibold">{t('dnsControl.settings')}</h2>
        <SearchField
          label={t('dnsControl.settings.search')}
          value={text}
          onChange={setText}
          testId="dns-settings-search"
        />
      </div>
      {sections.map(([section, held]) => (
        <Card key={section} title={t(`dnsControl.section.${section}`)}>
          <ul className="divide-y divide-line">
            {held.map((setting) => (
              <FieldLine
                key={setting.key}
                setting={setting}
                drafts={draft.drafts}
                isChanged={changed.has(setting.key)}
                problem={refusal?.key === setting.key ? refusal.text : null}
                generation={draft.generation}
                onChange={draft.change}
              />
            ))}
          </ul>
        </Card>
      ))}
      {settings && sections.length === 0 ? (
        <EmptyState title={t('dnsControl.settings.none')} />
      ) : null}
      {!settings && !error ? <Skeleton className="h-40" /> : null}
      {!settings && error ? (
        <EmptyState
          icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
          title={t('dnsControl.settings.failed')}
          hint={error.message}
        />
      ) : null}
      <ChangesBar draft={draft} />
    </>
  )
}
