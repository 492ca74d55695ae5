/** Asks what the rules make of a name. */

import { useQuery } from '@tanstack/react-query'
import { type ReactNode, type SubmitEvent, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { Card } from '../../components/ui/Surface.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { cx } from '../../lib/cx.ts'
import { t } from '../../lib/i18n.ts'
import { checkQuery } from './checkQuery.ts'
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
  const [asked, setAsked] = useState<readonly [string, string, string]>([name, 'A', ''])
  const isAsked = asked[0] !== ''
  const { data, error, refetch } = useQuery({ ...checkQuery(...asked), enabled: isAsked })
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const next = [text.trim(), type, client.trim()] as const
    if (next.join() === asked.join()) void refetch()
    setAsked(next)
    onName(next[0])
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
