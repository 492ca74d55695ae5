/** Adds a list by its address or by pasting it, or changes one. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { IgnoredLines } from '../../components/dns/IgnoredLines.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Modal } from '../../components/ui/Modal.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import {
  addList,
  changeList,
  type DnsList,
  type DnsListDetail,
  listDetailQuery,
} from '../../lib/dns/lists.ts'
import { type FieldProblem, fieldProblem } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import { ListFields } from './ListFields.tsx'
import { draftOf, LIST_FIELDS, type ListDraft, requestOf } from './listDraft.ts'

export interface ListDialogProps {
  /** Null adds one. */
  readonly list: DnsList | null
  readonly onSaved: () => void
  readonly onClose: () => void
}

/** Waits for the text of a pasted list, which does not stand among the lists. */
export function ListDialog(props: ListDialogProps): ReactNode {
  const { list } = props
  const { data, error } = useQuery({ ...listDetailQuery(list?.id ?? 0), enabled: list !== null })
  if (list === null) return <ListForm {...props} detail={null} />
  if (data !== undefined) return <ListForm {...props} detail={data} />
  if (error === null) return null
  // Without its text a pasted list would be saved empty.
  return (
    <Modal title={t('dnsLists.form.edit', { name: list.name })} onClose={props.onClose}>
      <Problem text={error.message} />
    </Modal>
  )
}

interface ListFormProps extends ListDialogProps {
  readonly detail: DnsListDetail | null
}

function ListForm({ list, detail, onSaved, onClose }: ListFormProps): ReactNode {
  const queries = useQueryClient()
  const [draft, setDraft] = useState(() => draftOf(detail))
  const [problem, setProblem] = useState<FieldProblem | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const change = (patch: Partial<ListDraft>): void => {
    setProblem(null)
    setDraft((before) => ({ ...before, ...patch }))
  }
  const save = async (): Promise<void> => {
    setIsBusy(true)
    try {
      if (list === null) await addList(requestOf(draft))
      else {
        await changeList(list.id, requestOf(draft))
        queries.removeQueries({ queryKey: listDetailQuery(list.id).queryKey })
      }
      onSaved()
      onClose()
    } catch (error) {
      setProblem(fieldProblem(error, LIST_FIELDS))
      setIsBusy(false)
    }
  }
  return (
    <Modal
      title={list === null ? t('dnsLists.form.add') : t('dnsLists.form.edit', { name: list.name })}
      width="wide"
      onClose={onClose}
      testId="list-dialog"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            tone="primary"
            disabled={isBusy}
            data-testid="list-save"
            onClick={() => void save()}
          >
            {t('dnsLists.form.save')}
          </Button>
        </>
      }
    >
      <ListFields draft={draft} isNew={list === null} problem={problem} onChange={change} />
      {detail !== null && detail.ignored_lines.length > 0 ? (
        <IgnoredLines lines={detail.ignored_lines} total={detail.list.ignored} />
      ) : null}
      <Problem text={problem?.field === null ? problem.text : null} testId="list-problem" />
    </Modal>
  )
}
