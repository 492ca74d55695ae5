/** What can be special about a group. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import * as z from 'zod/mini'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { dnsSettingsQuery, settingAt } from '../../lib/dns/dnsSettings.ts'
import { useLists } from '../../lib/dns/lists.ts'
import { type FieldProblem, problemOf } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import { ANSWERS, type GroupDraft, SAFE_SEARCH, toggled } from './groupDraft.ts'

export interface GroupFieldsProps {
  readonly draft: GroupDraft
  readonly problem: FieldProblem | null
  readonly onChange: (patch: Partial<GroupDraft>) => void
}

const LEGEND = 'mb-1.5 text-xs font-medium text-muted'

export function GroupFields(props: GroupFieldsProps): ReactNode {
  const { draft, problem, onChange } = props
  const { data } = useLists()
  return (
    <>
      <fieldset>
        <legend className={LEGEND}>{t('dnsClients.form.lists')}</legend>
        {data?.lists.length === 0 ? (
          <p className="text-muted">{t('dnsClients.form.lists.none')}</p>
        ) : null}
        <div className="grid gap-x-6 gap-y-2 sm:grid-cols-2">
          {data?.lists.map(({ id, name }) => (
            <Check
              key={id}
              label={name}
              isOn={!draft.lists_off.includes(id)}
              onChange={(isOn) => onChange({ lists_off: toggled(draft.lists_off, id, !isOn) })}
            />
          ))}
        </div>
      </fieldset>
      <fieldset>
        <legend className={LEGEND}>{t('dnsClients.form.safeSearch')}</legend>
        <div className="grid grid-cols-2 gap-x-6 gap-y-2 sm:grid-cols-3">
          {SAFE_SEARCH.map((word) => (
            <Check
              key={word}
              label={t(`dnsClients.safeSearch.${word}`)}
              isOn={draft.safe_search.includes(word)}
              onChange={(isOn) => onChange({ safe_search: toggled(draft.safe_search, word, isOn) })}
            />
          ))}
        </div>
      </fieldset>
      <div className="grid gap-4 sm:grid-cols-2">
        <Answer {...props} />
        <UpstreamSet {...props} />
      </div>
      <TextField
        label={t('dnsClients.form.rules')}
        hint={t('dnsClients.form.rules.hint')}
        value={draft.rules}
        problem={problemOf(problem, 'rules')}
        onChange={(rules) => onChange({ rules })}
        rows={4}
        isMono
        testId="group-rules"
      />
    </>
  )
}

interface CheckProps {
  readonly label: string
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
}

function Check({ label, isOn, onChange }: CheckProps): ReactNode {
  return (
    <label className="flex min-h-6 min-w-0 items-center gap-2.5">
      <input
        type="checkbox"
        checked={isOn}
        onChange={(event) => onChange(event.target.checked)}
        className="size-4 shrink-0 accent-[var(--accent)]"
      />
      <span className="min-w-0 truncate" title={label}>
        {label}
      </span>
    </label>
  )
}

function Answer({ draft, problem, onChange }: GroupFieldsProps): ReactNode {
  const { blocked_answer: answer } = draft
  const word = ANSWERS.find((known) => known === answer)
  const chosen = answer === null ? 'inherit' : (word ?? 'own')
  const refused = problemOf(problem, 'blocked_answer')
  return (
    <div className="flex flex-col gap-2">
      <SelectField
        label={t('dnsClients.form.answer')}
        value={chosen}
        options={[
          { value: 'inherit', label: t('dnsClients.form.answer.inherit') },
          ...ANSWERS.map((known) => ({ value: known, label: t(`dnsControl.choice.${known}`) })),
          { value: 'own', label: t('dnsClients.form.answer.own') },
        ]}
        problem={chosen === 'own' ? null : refused}
        onChange={(next) =>
          onChange({ blocked_answer: next === 'inherit' ? null : next === 'own' ? '' : next })
        }
      />
      {chosen === 'own' ? (
        <TextField
          label={t('dnsClients.form.answer.addresses')}
          value={answer ?? ''}
          problem={refused}
          onChange={(text) => onChange({ blocked_answer: text })}
          isMono
        />
      ) : null}
    </div>
  )
}

const sets = z.array(z.object({ name: z.string() }))

function UpstreamSet({ draft, problem, onChange }: GroupFieldsProps): ReactNode {
  const { data } = useQuery(dnsSettingsQuery)
  const parsed = sets.safeParse(settingAt(data, 'upstream.sets'))
  const names = parsed.success ? parsed.data.map(({ name }) => name) : []
  const all = draft.upstreams && !names.includes(draft.upstreams) ? [draft.upstreams] : []
  return (
    <SelectField
      label={t('dnsClients.form.upstreams')}
      value={draft.upstreams ?? ''}
      options={[
        { value: '', label: t('dnsClients.form.upstreams.inherit') },
        ...[...names, ...all].map((name) => ({ value: name, label: name })),
      ]}
      {...(names.length === 0 ? { hint: t('dnsClients.form.upstreams.none') } : {})}
      problem={problemOf(problem, 'upstreams')}
      onChange={(name) => onChange({ upstreams: name || null })}
    />
  )
}
