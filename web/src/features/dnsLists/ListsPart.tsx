/** The lists, with adding, changing, updating and deleting them. */

import { useQueryClient } from '@tanstack/react-query'
import { CircleAlert, ListPlus, ListX, RefreshCw } from 'lucide-react'
import { lazy, type ReactNode, Suspense, useState } from 'react'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Card, EmptyState, Skeleton } from '../../components/ui/Surface.tsx'
import { cx } from '../../lib/cx.ts'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import {
  addList,
  changeList,
  type DnsList,
  listsQuery,
  refreshList,
  removeList,
  useLists,
} from '../../lib/dns/lists.ts'
import { t } from '../../lib/i18n.ts'
import { useDone } from '../../lib/useDone.ts'
import { LIST_GRID, ListLine } from './ListLine.tsx'

const ListDialog = lazy(() =>
  import('./ListDialog.tsx').then((module) => ({ default: module.ListDialog })),
)

export function ListsPart(): ReactNode {
  const { data, error } = useLists()
  const { data: status } = useDnsStatus()
  const { done, tell, fail, close } = useDone((reason) => t('dnsLists.notDone', { reason }))
  const [dialog, setDialog] = useState<DnsList | 'new' | null>(null)
  const queries = useQueryClient()
  const run = async (work: Promise<unknown>): Promise<void> => {
    await work.catch((failure: Error) => fail(failure.message))
    await queries.invalidateQueries(listsQuery)
  }
  const remove = async (list: DnsList): Promise<void> => {
    const again = await removeList(list.id)
    tell(t('dnsLists.removed', { name: list.name }), () => run(addList(again)))
  }
  const lists = data?.lists ?? []
  const updatable = lists.filter(({ url, on }) => url !== null && on)
  const updateAll = (): void =>
    void run(Promise.all(updatable.map(({ id }) => refreshList(id, 'careful'))))
  const sinceMs = status?.running ? Date.parse(status.since) : null
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Button
          tone="primary"
          icon={<ListPlus size={15} aria-hidden />}
          data-testid="list-add"
          onClick={() => setDialog('new')}
        >
          {t('dnsLists.add')}
        </Button>
        <Button
          icon={<RefreshCw size={14} aria-hidden />}
          disabled={updatable.length === 0}
          data-testid="lists-update"
          onClick={updateAll}
        >
          {t('dnsLists.updateAll')}
        </Button>
        {data ? (
          <span data-testid="rules-total" className="tabular ms-auto text-sm text-muted">
            {t('dnsLists.total', { n: data.names })}
          </span>
        ) : null}
      </div>
      <Card>
        {lists.length > 0 ? <Head /> : null}
        <ul className="divide-y divide-line">
          {lists.map((list) => (
            <ListLine
              key={list.id}
              list={list}
              sinceMs={sinceMs}
              onSwitch={(on) => void run(changeList(list.id, { on }))}
              onRefresh={(force) => void run(refreshList(list.id, force))}
              onEdit={() => setDialog(list)}
              onRemove={() => void run(remove(list))}
            />
          ))}
        </ul>
        <Instead isEmpty={data !== undefined && lists.length === 0} error={data ? null : error} />
        {data === undefined && error === null ? <Skeleton className="m-4 h-16" /> : null}
      </Card>
      <Suspense>
        {dialog === null ? null : (
          <ListDialog
            list={dialog === 'new' ? null : dialog}
            onSaved={() => void queries.invalidateQueries(listsQuery)}
            onClose={() => setDialog(null)}
          />
        )}
      </Suspense>
      <UndoToast done={done} onClose={close} />
    </>
  )
}

function Head(): ReactNode {
  return (
    <div
      aria-hidden
      className={cx(
        LIST_GRID,
        'hidden h-9 items-center border-b border-line px-4 text-xs font-medium text-muted lg:grid',
      )}
    >
      <span />
      <span>{t('dnsLists.column.name')}</span>
      <span className="text-end">{t('dnsLists.column.entries')}</span>
      <span className="text-end">{t('dnsLists.column.hits')}</span>
      <span className="text-end">{t('dnsLists.column.updated')}</span>
      <span className="text-end">{t('dnsLists.column.next')}</span>
    </div>
  )
}

interface InsteadProps {
  readonly isEmpty: boolean
  readonly error: Error | null
}

function Instead({ isEmpty, error }: InsteadProps): ReactNode {
  if (error !== null) {
    return (
      <EmptyState
        icon={<CircleAlert size={28} aria-hidden className="text-bad" />}
        title={t('dnsLists.failed')}
        hint={error.message}
      />
    )
  }
  if (!isEmpty) return null
  return (
    <EmptyState
      icon={<ListX size={28} aria-hidden />}
      title={t('dnsLists.empty')}
      hint={t('dnsLists.empty.hint')}
      testId="lists-empty"
    />
  )
}
