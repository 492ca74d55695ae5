/** The fields of a list. */

import type { ReactNode } from 'react'
import { Choices } from '../../components/Choices.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { type FieldProblem, problemOf } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import type { ListDraft } from './listDraft.ts'
import { FORMATS, formatName, INTERVALS_S, intervalName } from './listFacts.ts'

export interface ListFieldsProps {
  readonly draft: ListDraft
  /** A list that is there keeps its kind of source. */
  readonly isNew: boolean
  readonly problem: FieldProblem | null
  readonly onChange: (patch: Partial<ListDraft>) => void
}

export function ListFields({ draft, isNew, problem, onChange }: ListFieldsProps): ReactNode {
  return (
    <div className="flex flex-col gap-4">
      {isNew ? (
        <Choices
          label={t('dnsLists.form.source')}
          value={draft.source}
          options={[
            { value: 'url', label: t('dnsLists.form.source.url') },
            { value: 'text', label: t('dnsLists.form.source.text') },
          ]}
          onChange={(source) => onChange({ source })}
        />
      ) : null}
      <TextField
        label={t('dnsLists.form.name')}
        value={draft.name}
        problem={problemOf(problem, 'name')}
        onChange={(name) => onChange({ name })}
        testId="list-name"
      />
      {draft.source === 'url' ? (
        <TextField
          label={t('dnsLists.form.url')}
          hint={t('dnsLists.form.url.hint')}
          value={draft.url}
          problem={problemOf(problem, 'url')}
          onChange={(url) => onChange({ url })}
          isMono
          testId="list-url"
        />
      ) : (
        <TextField
          label={t('dnsLists.form.text')}
          hint={t('dnsLists.form.text.hint')}
          value={draft.text}
          problem={problemOf(problem, 'text')}
          onChange={(text) => onChange({ text })}
          rows={8}
          isMono
          testId="list-text"
        />
      )}
      <ListChoices draft={draft} problem={problem} onChange={onChange} />
    </div>
  )
}

function ListChoices({ draft, problem, onChange }: Omit<ListFieldsProps, 'isNew'>): ReactNode {
  const isUsual = INTERVALS_S.some((known) => known === draft.intervalS)
  const intervals = isUsual ? INTERVALS_S : [...INTERVALS_S, draft.intervalS]
  return (
    <div className="grid gap-4 sm:grid-cols-3">
      <SelectField
        label={t('dnsLists.form.kind')}
        value={draft.kind}
        options={(['block', 'allow'] as const).map((value) => ({
          value,
          label: t(`dnsLists.form.kind.${value}`),
        }))}
        problem={problemOf(problem, 'kind')}
        onChange={(kind) => onChange({ kind })}
        testId="list-kind"
      />
      <SelectField
        label={t('dnsLists.form.format')}
        value={draft.format}
        options={FORMATS.map((value): { value: string; label: string } => ({
          value,
          label: formatName(value),
        }))}
        problem={problemOf(problem, 'format')}
        onChange={(format) => onChange({ format })}
        testId="list-format"
      />
      {draft.source === 'url' ? (
        <SelectField
          label={t('dnsLists.form.interval')}
          value={String(draft.intervalS)}
          options={intervals.map((seconds) => ({
            value: String(seconds),
            label: intervalName(seconds),
          }))}
          problem={problemOf(problem, 'interval_s')}
          onChange={(seconds) => onChange({ intervalS: Number(seconds) })}
          testId="list-interval"
        />
      ) : null}
    </div>
  )
}
