/** Adds a client, by hand or from a lease, or changes one. */

import { useQuery } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { Button } from '../../components/ui/Button.tsx'
import { Modal } from '../../components/ui/Modal.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { SelectField } from '../../components/ui/SelectField.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import {
  addClient,
  changeClient,
  clientsQuery,
  type DnsClient,
  groupsQuery,
} from '../../lib/dns/ruleBook.ts'
import { type FieldProblem, fieldProblem, problemOf } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import { useLeaseList } from '../../lib/leases/useLeaseList.ts'
import { leaseChoices } from './clientLeases.ts'
import { DEFAULT_GROUP } from './GroupCard.tsx'

const FIELDS = ['name', 'addresses', 'tags', 'group'] as const

interface Draft {
  readonly name: string
  /** One a line. */
  readonly addresses: string
  readonly tags: string
  readonly group: string
}

export interface ClientDialogProps {
  /** Null adds one. */
  readonly client: DnsClient | null
  readonly onSaved: () => void
  readonly onClose: () => void
}

export function ClientDialog({ client, onSaved, onClose }: ClientDialogProps): ReactNode {
  const [draft, setDraft] = useState<Draft>({
    name: client?.name ?? '',
    addresses: client?.addresses.join('\n') ?? '',
    tags: client?.tags.join(' ') ?? '',
    group: client?.group ?? DEFAULT_GROUP,
  })
  const [problem, setProblem] = useState<FieldProblem | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const change = (patch: Partial<Draft>): void => {
    setProblem(null)
    setDraft((before) => ({ ...before, ...patch }))
  }
  const save = async (): Promise<void> => {
    setIsBusy(true)
    const words = (text: string): string[] => text.split(/[\s,]+/).filter(Boolean)
    const body = {
      name: draft.name.trim(),
      addresses: words(draft.addresses),
      tags: words(draft.tags),
      group: draft.group,
    }
    try {
      if (client === null) await addClient(body)
      else await changeClient(client.id, body)
      onSaved()
      onClose()
    } catch (error) {
      setProblem(fieldProblem(error, FIELDS))
      setIsBusy(false)
    }
  }
  return (
    <Modal
      title={
        client === null
          ? t('dnsClients.form.client.add')
          : t('dnsClients.form.client.edit', { name: client.name })
      }
      onClose={onClose}
      testId="client-dialog"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            tone="primary"
            disabled={isBusy}
            data-testid="client-save"
            onClick={() => void save()}
          >
            {t('dnsLists.form.save')}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-4">
        {client === null ? (
          <FromLease onChoose={(name, addresses) => change({ name, addresses })} />
        ) : null}
        <ClientFields draft={draft} problem={problem} onChange={change} />
      </div>
      <Problem text={problem?.field === null ? problem.text : null} />
    </Modal>
  )
}

interface ClientFieldsProps {
  readonly draft: Draft
  readonly problem: FieldProblem | null
  readonly onChange: (patch: Partial<Draft>) => void
}

function ClientFields({ draft, problem, onChange }: ClientFieldsProps): ReactNode {
  const { data: groups } = useQuery(groupsQuery)
  const names = groups?.map(({ name }) => name) ?? [draft.group]
  return (
    <>
      <TextField
        label={t('dnsClients.form.name')}
        value={draft.name}
        problem={problemOf(problem, 'name')}
        onChange={(name) => onChange({ name })}
        testId="client-name"
      />
      <TextField
        label={t('dnsClients.form.addresses')}
        hint={t('dnsClients.form.addresses.hint')}
        value={draft.addresses}
        problem={problemOf(problem, 'addresses')}
        onChange={(addresses) => onChange({ addresses })}
        rows={3}
        isMono
        testId="client-addresses"
      />
      <SelectField
        label={t('dnsClients.form.group')}
        value={draft.group}
        options={names.map((name) => ({ value: name, label: name }))}
        problem={problemOf(problem, 'group')}
        onChange={(group) => onChange({ group })}
        testId="client-group"
      />
      <TextField
        label={t('dnsClients.form.tags')}
        hint={t('dnsClients.form.tags.hint')}
        value={draft.tags}
        problem={problemOf(problem, 'tags')}
        onChange={(tags) => onChange({ tags })}
        isMono
        testId="client-tags"
      />
    </>
  )
}

interface FromLeaseProps {
  readonly onChoose: (name: string, address: string) => void
}

function FromLease({ onChoose }: FromLeaseProps): ReactNode {
  const { data: clients } = useQuery(clientsQuery)
  const choices = leaseChoices(clients ?? [], useLeaseList())
  const [chosen, setChosen] = useState('')
  if (choices.length === 0) return null
  return (
    <SelectField
      label={t('dnsClients.form.lease')}
      value={chosen}
      options={[
        { value: '', label: t('dnsClients.form.lease.none') },
        ...choices.map(({ id, label }) => ({ value: id, label })),
      ]}
      onChange={(id) => {
        setChosen(id)
        const lease = choices.find((choice) => choice.id === id)
        onChoose(lease?.name ?? '', lease?.address ?? '')
      }}
      testId="client-lease"
    />
  )
}
