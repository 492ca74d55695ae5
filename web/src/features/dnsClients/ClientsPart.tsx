/** The clients, with adding, changing, pausing and deleting them. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { MonitorSmartphone, Plus } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { usePauses } from '../../lib/dns/pauses.ts'
import {
  addClient,
  clientsQuery,
  type DnsClient,
  removeClient,
  ruleBookKey,
} from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { useLeaseList } from '../../lib/leases/useLeaseList.ts'
import { useDone } from '../../lib/useDone.ts'
import { ClientLine } from './ClientLine.tsx'

const ClientDialog = lazy(() =>
  import('./ClientDialog.tsx').then((module) => ({ default: module.ClientDialog })),
)
const PauseDialog = lazy(() =>
  import('./PauseDialog.tsx').then((module) => ({ default: module.PauseDialog })),
)

type Open =
  | { readonly kind: 'edit'; readonly client: DnsClient | null }
  | { readonly kind: 'pause'; readonly client: DnsClient }

export function ClientsPart(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery(clientsQuery)
  const { data: pauses } = usePauses()
  const leases = useLeaseList()
  const { done, tell, fail, close } = useDone((reason) => t('dnsLists.notDone', { reason }))
  const [open, setOpen] = useState<Open | null>(null)
  const refresh = (): Promise<void> => queries.invalidateQueries({ queryKey: ruleBookKey })
  const remove = async (client: DnsClient): Promise<void> => {
    try {
      const { id: _, ...again } = await removeClient(client.id)
      tell(t('dnsClients.removed', { name: client.name }), async () => {
        await addClient(again)
        await refresh()
      })
    } catch (failure) {
      fail(failure instanceof Error ? failure.message : String(failure))
    }
    await refresh()
  }
  return (
    <>
      <Card
        title={t('dnsClients.clients')}
        aside={
          <Button
            icon={<Plus size={14} aria-hidden />}
            data-testid="client-add"
            onClick={() => setOpen({ kind: 'edit', client: null })}
          >
            {t('dnsClients.add')}
          </Button>
        }
      >
        {data === undefined && error === null ? <Skeleton className="m-4 h-10" /> : null}
        {data === undefined && error ? (
          <EmptyState title={t('dnsClients.failed')} hint={error.message} />
        ) : null}
        {data?.length === 0 ? (
          <EmptyState
            icon={<MonitorSmartphone size={28} aria-hidden />}
            title={t('dnsClients.empty')}
            hint={t('dnsClients.empty.hint')}
            testId="clients-empty"
          />
        ) : null}
        <ul className="divide-y divide-line">
          {data?.map((client) => (
            <ClientLine
              key={client.id}
              client={client}
              leases={leases}
              pause={pauses?.find((one) => one.scope === 'client' && one.name === client.name)}
              onPause={() => setOpen({ kind: 'pause', client })}
              onEdit={() => setOpen({ kind: 'edit', client })}
              onRemove={() => void remove(client)}
            />
          ))}
        </ul>
      </Card>
      <Suspense>
        {open?.kind === 'edit' ? (
          <ClientDialog
            client={open.client}
            onSaved={() => void refresh()}
            onClose={() => setOpen(null)}
          />
        ) : null}
        {open?.kind === 'pause' ? (
          <PauseDialog name={open.client.name} onClose={() => setOpen(null)} />
        ) : null}
      </Suspense>
      <UndoToast done={done} onClose={close} />
    </>
  )
}
