/** Adds or changes a group: its lists, rules, upstreams, answers and safe search. */

import { type ReactNode, useState } from 'react'
import { IgnoredLines } from '../../components/dns/IgnoredLines.tsx'
import { PauseControl } from '../../components/dns/PauseControl.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Modal } from '../../components/ui/Modal.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { Toggle } from '../../components/ui/Toggle.tsx'
import { addGroup, changeGroup, type DnsGroup } from '../../lib/dns/ruleBook.ts'
import { type FieldProblem, fieldProblem, problemOf } from '../../lib/fieldProblem.ts'
import { t } from '../../lib/i18n.ts'
import { GroupFields } from './GroupFields.tsx'
import { GROUP_FIELDS, type GroupDraft, groupDraftOf } from './groupDraft.ts'

export interface GroupDialogProps {
  /** Null adds one. */
  readonly group: DnsGroup | null
  readonly onSaved: () => void
  readonly onClose: () => void
}

export function GroupDialog({ group, onSaved, onClose }: GroupDialogProps): ReactNode {
  const [draft, setDraft] = useState(() => groupDraftOf(group))
  const [problem, setProblem] = useState<FieldProblem | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const change = (patch: Partial<GroupDraft>): void => {
    setProblem(null)
    setDraft((before) => ({ ...before, ...patch }))
  }
  const save = async (): Promise<void> => {
    setIsBusy(true)
    try {
      const { name, ...rest } = draft
      if (group === null) await addGroup({ name: name.trim(), ...rest })
      else await changeGroup(group.name, rest)
      onSaved()
      onClose()
    } catch (error) {
      setProblem(fieldProblem(error, GROUP_FIELDS))
      setIsBusy(false)
    }
  }
  const title =
    group === null
      ? t('dnsClients.form.group.add')
      : t('dnsClients.form.group.edit', { name: group.name })
  return (
    <Modal
      title={title}
      width="wide"
      onClose={onClose}
      testId="group-dialog"
      footer={
        <>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
          <Button
            tone="primary"
            disabled={isBusy}
            data-testid="group-save"
            onClick={() => void save()}
          >
            {t('dnsLists.form.save')}
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-5">
        {group === null ? (
          <TextField
            label={t('dnsClients.form.name')}
            value={draft.name}
            problem={problemOf(problem, 'name')}
            onChange={(name) => change({ name })}
            testId="group-name"
          />
        ) : null}
        <Toggle
          label={t('dnsClients.form.filtered')}
          isOn={draft.filtered}
          onChange={(filtered) => change({ filtered })}
          hasText
        />
        <GroupFields draft={draft} problem={problem} onChange={change} />
        {group?.ignored_lines?.length && draft.rules === group.rules ? (
          <IgnoredLines lines={group.ignored_lines} total={group.ignored_lines.length} />
        ) : null}
        {group === null ? null : (
          <fieldset>
            <legend className="mb-1.5 text-xs font-medium text-muted">{t('dns.pause.for')}</legend>
            <PauseControl who={{ scope: 'group', name: group.name }} testId="pause-group" />
          </fieldset>
        )}
      </div>
      <Problem text={problem?.field === null ? problem.text : null} />
    </Modal>
  )
}
