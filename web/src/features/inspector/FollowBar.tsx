/** What is followed, from where, and what of it is shown. */

import { type ReactNode, useEffect, useId, useState } from 'react'
import { SearchField } from '../../components/SearchField.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { Toggle } from '../../components/ui/Toggle.tsx'
import { parsePatterns } from '../../lib/channelPattern.ts'
import { t } from '../../lib/i18n.ts'
import { EVERYTHING, type InspectorSearch, positionOf, STARTS } from './inspectorSearch.ts'

export interface FollowBarProps {
  readonly search: InspectorSearch
  readonly onChange: (patch: InspectorSearch, replace?: boolean) => void
  readonly onClear: () => void
  readonly onSave: () => void
}

export function FollowBar({ search, onChange, onClear, onSave }: FollowBarProps): ReactNode {
  const followed = search.channels ?? EVERYTHING
  const [draft, setDraft] = useState(followed)
  useEffect(() => setDraft(followed), [followed])
  const isBad = parsePatterns(draft) === null
  const follow = (): void => {
    if (!isBad && draft !== followed) onChange({ channels: draft })
  }
  return (
    <div className="flex flex-wrap items-start gap-x-3 gap-y-2">
      <TextField
        label={t('inspector.channels')}
        value={draft}
        onChange={setDraft}
        onEnter={follow}
        hint={t('inspector.channels.hint')}
        problem={isBad ? t('inspector.channels.bad') : null}
        isMono
        testId="inspector-channels"
        className="min-w-60 flex-1"
      />
      <Start from={search.from} onChange={(from) => onChange({ from })} />
      <div className="flex flex-wrap items-end gap-2 pt-5">
        <SearchField
          label={t('inspector.filter')}
          value={search.q ?? ''}
          onChange={(q) => onChange({ q }, true)}
          testId="inspector-filter"
        />
        <div className="flex h-8 items-center">
          <Toggle
            label={t('inspector.frames')}
            isOn={search.frames ?? false}
            onChange={(frames) => onChange({ frames })}
            hasText
            testId="inspector-frames"
          />
        </div>
        <Button onClick={onClear}>{t('inspector.clear')}</Button>
        <Button onClick={onSave}>{t('inspector.record')}</Button>
      </div>
    </div>
  )
}

interface StartProps {
  readonly from: string | undefined
  readonly onChange: (from: string) => void
}

function Start({ from = 'now', onChange }: StartProps): ReactNode {
  const id = useId()
  const position = positionOf(from)
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-xs font-medium text-muted">
        {t('inspector.from')}
      </label>
      <select
        id={id}
        data-testid="inspector-from"
        value={from}
        onChange={(event) => onChange(event.target.value)}
        className="h-8 rounded-control border border-line-strong bg-surface px-2 text-sm font-medium"
      >
        {STARTS.map((start) => (
          <option key={start} value={start}>
            {t(`inspector.from.${start}`)}
          </option>
        ))}
        {position === null ? null : (
          <option value={from}>{t('inspector.from.after', { position })}</option>
        )}
      </select>
    </div>
  )
}
