/** Asks what the rules make of a name. */

import { useQuery } from '@tanstack/react-query'
import { type ReactNode, type SubmitEvent, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { cx } from '../../lib/cx.ts'
import { type CheckRequest, checkQuery } from '../../lib/dns/check.ts'
import { t } from '../../lib/i18n.ts'
import { Verdict } from './Verdict.tsx'

const TYPES = ['A', 'AAAA', 'HTTPS', 'TXT', 'MX', 'PTR'] as const

export interface TestNameProps {
  /** Name in the URL. */
  readonly name: string
  readonly onName: (name: string) => void
}

export function TestName({ name, onName }: TestNameProps): ReactNode {
  const [text, setText] = useState(name)
  const [type, setType] = useState<(typeof TYPES)[number]>('A')
  const [client, setClient] = useState('')
  const [asked, setAsked] = useState<CheckRequest>({ name, type: 'A', client: '' })
  const isAsked = asked.name !== ''
  const { data, error, refetch } = useQuery({ ...checkQuery(asked), enabled: isAsked })
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const next = { name: text.trim(), type, client: client.trim() }
    if (JSON.stringify(next) === JSON.stringify(asked)) void refetch()
    setAsked(next)
    onName(next.name)
  }
  return (
    <Card title={t('dnsLists.test')} testId="test-name">
      <form onSubmit={submit} className="flex flex-wrap items-end gap-3 p-4">
        <TextField
          label={t('dnsLists.test.name')}
          value={text}
          onChange={setText}
          isMono
          testId="test-name-name"
          className="w-full sm:w-auto sm:flex-2"
        />
        <SelectField
          label={t('dnsLists.test.type')}
          value={type}
          options={TYPES.map((value) => ({ value, label: value }))}
          onChange={setType}
          className="w-24"
        />
        <TextField
          label={t('dnsLists.test.client')}
          value={client}
          onChange={setClient}
          isMono
          testId="test-name-client"
          className="min-w-36 flex-1"
        />
        <Button
          type="submit"
          tone="primary"
          disabled={text.trim() === ''}
          data-testid="test-name-run"
        >
          {t('dnsLists.test.run')}
        </Button>
      </form>
      <div role="status" className={cx(isAsked && 'px-4 pb-4')}>
        {data && !error ? <Verdict check={data} /> : null}
        <Problem text={error ? error.message : null} />
      </div>
    </Card>
  )
}
