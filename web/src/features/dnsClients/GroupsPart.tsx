/** The groups, with adding, changing and deleting them. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Plus } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Skeleton } from '../../components/ui/Surface.tsx'
import { usePauses } from '../../lib/dns/pauses.ts'
import {
  addGroup,
  changeGroup,
  type DnsGroup,
  groupsQuery,
  removeGroup,
  ruleBookKey,
} from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { useDone } from '../../lib/useDone.ts'
import { GroupCard } from './GroupCard.tsx'

const GroupDialog = lazy(() =>
  import('./GroupDialog.tsx').then((module) => ({ default: module.GroupDialog })),
)

export function GroupsPart(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery(groupsQuery)
  const { data: pauses } = usePauses()
  const { done, tell, fail, close } = useDone((reason) => t('dnsLists.notDone', { reason }))
  const [dialog, setDialog] = useState<DnsGroup | 'new' | null>(null)
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ruleBookKey })
  const run = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((failure: Error) => fail(failure.message))
    await refresh()
  }
  const remove = async (name: string): Promise<void> => {
    const { clients: _, ignored_lines: __, ...again } = await removeGroup(name)
    tell(t('dnsClients.group.removed', { name }), () => run(addGroup(again)))
  }
  return (
    <section aria-labelledby="dns-groups" className="flex flex-col gap-3">
      <div className="flex items-center justify-between gap-3">
        <h2 id="dns-groups" className="text-base font-semibold">
          {t('dnsClients.groups')}
        </h2>
        <Button
          icon={<Plus size={14} aria-hidden />}
          data-testid="group-add"
          onClick={() => setDialog('new')}
        >
          {t('dnsClients.group.add')}
        </Button>
      </div>
      {data === undefined && error === null ? <Skeleton className="h-24" /> : null}
      {data === undefined && error ? (
        <p className="text-sm text-bad">
          {t('dnsClients.failed')}: {error.message}
        </p>
      ) : null}
      <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {data?.map((group) => (
          <GroupCard
            key={group.name}
            group={group}
            pause={pauses?.find((one) => one.scope === 'group' && one.name === group.name)}
            onFilter={(filtered) => void run(changeGroup(group.name, { filtered }))}
            onEdit={() => setDialog(group)}
            onRemove={() => void run(remove(group.name))}
          />
        ))}
      </ul>
      <Suspense>
        {dialog === null ? null : (
          <GroupDialog
            group={dialog === 'new' ? null : dialog}
            onSaved={() => void refresh()}
            onClose={() => setDialog(null)}
          />
        )}
      </Suspense>
      <UndoToast done={done} onClose={close} />
    </section>
  )
}
