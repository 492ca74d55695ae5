/** The field of one setting: a switch, a choice, a text, a number or lines. */

import { type ReactNode, useState } from 'react'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { Toggle } from '../../components/ui/Toggle.tsx'
import { t } from '../../lib/i18n.ts'
import { ServersField } from './ServersField.tsx'
import { forwardsText, typedForwards, typedLines, typedNumber } from './settingsDraft.ts'

const CHOICES = {
  'upstream.strategy': ['order', 'parallel', 'fastest'],
  'log.driver': ['sqlite', 'file', 'inmemory', 'console'],
  'log.privacy': ['full', 'anonymous_client', 'no_names'],
} as const

/** Answers for blocked names that are a word; anything else is addresses. */
const BLOCKED_WORDS = ['nxdomain', 'nodata', 'null', 'refused'] as const

/** Lines that a field for a list shows at most before it scrolls. */
const ROWS_MAX = 8

export interface FieldEditorProps {
  readonly settingKey: string
  readonly kind: string
  readonly value: unknown
  readonly problem: string | null
  readonly onChange: (value: unknown) => void
}

export function FieldEditor(props: FieldEditorProps): ReactNode {
  const { settingKey: key, kind, value, onChange, problem } = props
  const shared = { label: key, problem, testId: `field-${key}` }
  const choices = new Map<string, readonly ChoiceWord[]>(Object.entries(CHOICES)).get(key)
  if (key === 'upstream.servers') {
    return <ServersField servers={texts(value)} onChange={onChange} />
  }
  if (key === 'blocked_answer') return <BlockedAnswer {...props} />
  if (choices) {
    return (
      <SelectField
        {...shared}
        isLabelHidden
        value={String(value)}
        options={choices.map((word) => ({ value: word, label: t(`dnsControl.choice.${word}`) }))}
        onChange={onChange}
      />
    )
  }
  switch (kind) {
    case 'switch':
      return (
        <Toggle label={key} isOn={value === true} onChange={onChange} testId={`field-${key}`} />
      )
    case 'number':
      return (
        <TextField
          {...shared}
          isLabelHidden
          isMono
          value={String(value)}
          onChange={(text) => onChange(typedNumber(text))}
        />
      )
    case 'list':
      return (
        <Lines
          {...props}
          initial={texts(value).join('\n')}
          hint={t('dnsControl.lines')}
          read={typedLines}
        />
      )
    case 'tables':
      return key === 'forwards' ? (
        <Lines
          {...props}
          initial={forwardsText(value)}
          hint={t('dnsControl.forwards.hint')}
          read={typedForwards}
        />
      ) : (
        <p className="text-sm text-muted">{t('dnsControl.readOnly')}</p>
      )
    default:
      return (
        <TextField
          {...shared}
          isLabelHidden
          isMono
          value={String(value ?? '')}
          onChange={onChange}
        />
      )
  }
}

type ChoiceWord = (typeof CHOICES)[keyof typeof CHOICES][number]

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : []
}

interface LinesProps extends FieldEditorProps {
  readonly initial: string
  readonly hint: string
  readonly read: (text: string) => unknown
}

/** Keeps what was typed, for an empty last line is no entry and must stay while somebody types. */
function Lines({ settingKey, problem, onChange, initial, hint, read }: LinesProps): ReactNode {
  const [text, setText] = useState(initial)
  const nLines = text.split('\n').length
  return (
    <TextField
      label={settingKey}
      isLabelHidden
      isMono
      rows={Math.min(ROWS_MAX, Math.max(2, nLines))}
      value={text}
      hint={hint}
      problem={problem}
      testId={`field-${settingKey}`}
      onChange={(next) => {
        setText(next)
        onChange(read(next))
      }}
    />
  )
}

function BlockedAnswer({ settingKey, value, problem, onChange }: FieldEditorProps): ReactNode {
  const word = BLOCKED_WORDS.find((known) => known === value)
  return (
    <div className="flex flex-col gap-2">
      <SelectField
        label={settingKey}
        isLabelHidden
        testId={`field-${settingKey}`}
        value={word ?? 'own'}
        options={[...BLOCKED_WORDS, 'own' as const].map((known) => ({
          value: known,
          label: t(`dnsControl.choice.${known}`),
        }))}
        problem={word === undefined ? null : problem}
        onChange={(chosen) => onChange(chosen === 'own' ? '' : chosen)}
      />
      {word === undefined ? (
        <TextField
          label={t('dnsControl.choice.own.label')}
          value={String(value ?? '')}
          problem={problem}
          onChange={onChange}
          isMono
          testId={`field-${settingKey}-own`}
        />
      ) : null}
    </div>
  )
}
