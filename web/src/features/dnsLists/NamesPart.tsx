/** Names that are answered here: added, removed, taken back; those of the configuration as well. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus, Trash2 } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { Badge, Card, Skeleton } from '../../components/ui/Surface.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import {
  addRewrite,
  type DnsRewrite,
  removeRewrite,
  rewritesQuery,
  ruleBookKey,
} from '../../lib/dns/ruleBook.ts'
import { type FieldProblem, fieldProblem, problemOf } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import { useDone } from '../../lib/useDone.ts'

const TYPES = ['auto', 'A', 'AAAA', 'CNAME', 'TXT', 'MX', 'PTR', 'SRV'] as const

export function NamesPart(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery(rewritesQuery)
  const { done, tell, fail, close } = useDone((reason) => t('dnsLists.notDone', { reason }))
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ruleBookKey })
  const remove = async ({ id, name, type, value }: DnsRewrite): Promise<void> => {
    if (id === null) return
    try {
      await removeRewrite(id)
      tell(t('dnsNames.removed', { name }), async () => {
        await addRewrite({ name, type, value })
        await refresh()
      })
    } catch (failure) {
      fail(failure instanceof Error ? failure.message : String(failure))
    }
    await refresh()
  }
  return (
    <>
      <Card title={t('dnsNames.title')}>
        <p className="px-4 pt-3 text-sm text-muted text-pretty">{t('dnsNames.hint')}</p>
        <AddName onAdded={refresh} />
        {data === undefined && error === null ? <Skeleton className="m-4 h-10" /> : null}
        {data === undefined && error ? (
          <p className="px-4 pb-4 text-sm text-bad">
            {t('dnsNames.failed')}: {error.message}
          </p>
        ) : null}
        {data?.length === 0 ? (
          <p className="px-4 pb-4 text-sm text-muted">{t('dnsNames.none')}</p>
        ) : null}
        <ul className="divide-y divide-line">
          {data?.map((found) => (
            <NameLine
              key={`${found.id} ${found.name} ${found.type} ${found.value}`}
              found={found}
              onRemove={() => void remove(found)}
            />
          ))}
        </ul>
      </Card>
      <UndoToast done={done} onClose={close} />
    </>
  )
}

function AddName({ onAdded }: { readonly onAdded: () => Promise<void> }): ReactNode {
  const [name, setName] = useState('')
  const [value, setValue] = useState('')
  const [type, setType] = useState<(typeof TYPES)[number]>('auto')
  const [problem, setProblem] = useState<FieldProblem | null>(null)
  const add = async (): Promise<void> => {
    setProblem(null)
    try {
      const typed = type === 'auto' ? {} : { type }
      await addRewrite({ name: name.trim(), value: value.trim(), ...typed })
      setName('')
      setValue('')
      await onAdded()
    } catch (error) {
      setProblem(fieldProblem(error, ['name', 'value', 'type']))
    }
  }
  const isReady = name.trim() !== '' && value.trim() !== ''
  return (
    <div className="p-4">
      <div className="flex flex-wrap items-start gap-3">
        <TextField
          label={t('dnsNames.name')}
          value={name}
          problem={problemOf(problem, 'name')}
          onChange={setName}
          isMono
          testId="name-name"
          className="w-full sm:w-auto sm:flex-1"
        />
        <SelectField
          label={t('dnsNames.type')}
          value={type}
          options={TYPES.map((known) => ({
            value: known,
            label: known === 'auto' ? t('dnsNames.type.auto') : known,
          }))}
          problem={problemOf(problem, 'type')}
          onChange={setType}
          className="w-32"
        />
        <TextField
          label={t('dnsNames.value')}
          value={value}
          problem={problemOf(problem, 'value')}
          onChange={setValue}
          onEnter={() => void add()}
          isMono
          testId="name-value"
          className="min-w-40 flex-1"
        />
        <Button
          tone="primary"
          disabled={!isReady}
          icon={<Plus size={14} aria-hidden />}
          data-testid="name-add"
          onClick={() => void add()}
          className="mt-[1.375rem]"
        >
          {t('dnsNames.add')}
        </Button>
      </div>
      <Problem text={problem?.field === null ? problem.text : null} />
    </div>
  )
}

interface NameLineProps {
  readonly found: DnsRewrite
  readonly onRemove: () => void
}

function NameLine({ found, onRemove }: NameLineProps): ReactNode {
  const { id, name, type, value } = found
  return (
    <li data-testid="dns-name" className="flex min-h-10 items-center gap-3 px-4 py-1.5 text-sm">
      <span className="flex min-w-0 flex-1 flex-wrap items-baseline gap-x-3">
        <span className="mono font-medium break-all">{name}</span>
        <span className="mono text-muted">{type}</span>
        <span className="mono break-all">{value}</span>
      </span>
      {id === null ? (
        <span title={t('dnsNames.origin.hint')}>
          <Badge>{t('dnsNames.origin')}</Badge>
        </span>
      ) : (
        <IconButton
          aria-label={t('dnsNames.remove', { name, type })}
          icon={<Trash2 size={14} aria-hidden />}
          onClick={onRemove}
          className="size-7"
        />
      )}
    </li>
  )
}
