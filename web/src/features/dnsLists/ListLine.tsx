/** One list: whether it is used, what it holds and hits, how its last look went. */

import { Pencil, RefreshCw, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { IconButton } from '../../components/ui/Button.tsx'
import { Badge } from '../../components/ui/Surface.tsx'
import { Toggle } from '../../components/ui/Toggle.tsx'
import { useNow } from '../../lib/clock.ts'
import { agoText } from '../../lib/connection.ts'
import { cx } from '../../lib/cx.ts'
import type { DnsList } from '../../lib/dns/lists.ts'
import { formatDuration, formatMoment, formatNumber } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'
import { ListProgress, ListTrouble } from './ListNotes.tsx'
import { formatName, noHitsForMs, statusName } from './listFacts.ts'

/** The grid of head and lines; on a phone the figures stand below the name. */
export const LIST_GRID =
  'grid grid-cols-[auto_minmax(0,1fr)_auto] gap-x-3 ' +
  'lg:grid-cols-[2.5rem_minmax(0,1fr)_5rem_5rem_6.5rem_5.5rem_6.5rem] lg:gap-x-4'

export interface ListLineProps {
  readonly list: DnsList
  /** Since when the resolver counts hits; null while it is stopped. */
  readonly sinceMs: number | null
  readonly onSwitch: (isOn: boolean) => void
  readonly onRefresh: (force: 'force' | 'careful') => void
  readonly onEdit: () => void
  readonly onRemove: () => void
}

export function ListLine(props: ListLineProps): ReactNode {
  const { list } = props
  const isLoading = list.status === 'loading' || list.status === 'waiting'
  return (
    <li
      data-testid="dns-list"
      data-status={list.status}
      className={cx(LIST_GRID, 'items-center px-4 py-3 text-sm')}
    >
      <Toggle
        label={t('dnsLists.toggle', { name: list.name })}
        isOn={list.on}
        onChange={props.onSwitch}
        testId="list-on"
      />
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2 gap-y-1">
          <span className={cx('min-w-0 font-medium break-words', !list.on && 'text-muted')}>
            {list.name}
          </span>
          <Badge tone={list.kind === 'block' ? 'bad' : 'ok'}>
            {t(`dnsLists.kind.${list.kind}`)}
          </Badge>
          <Condition list={list} sinceMs={props.sinceMs} />
        </p>
        <p className="truncate text-xs text-muted" title={list.url ?? undefined}>
          {formatName(list.format)} ·{' '}
          {list.url === null ? t('dnsLists.pasted') : <span className="mono">{list.url}</span>}
        </p>
      </div>
      <Actions {...props} isLoading={isLoading} />
      <Figures list={list} />
      <ListTrouble list={list} onForce={() => props.onRefresh('force')} />
      {isLoading ? <ListProgress list={list} /> : null}
    </li>
  )
}

interface ConditionProps {
  readonly list: DnsList
  readonly sinceMs: number | null
}

function Condition({ list, sinceMs }: ConditionProps): ReactNode {
  const nowMs = useNow('minute')
  const idleMs = noHitsForMs(list, sinceMs, nowMs)
  return (
    <>
      {list.status === 'failed' ? <Badge tone="bad">{statusName('failed')}</Badge> : null}
      {list.status === 'new' ? <Badge tone="info">{statusName('new')}</Badge> : null}
      {idleMs === null ? null : (
        <Badge tone="warn">{t('dnsLists.noHits', { time: formatDuration(idleMs) })}</Badge>
      )}
    </>
  )
}

function Figures({ list }: { readonly list: DnsList }): ReactNode {
  const nowMs = useNow('minute')
  const updatedAtMs = list.updated_at === null ? null : Date.parse(list.updated_at)
  const nextAtMs = list.next_at === null ? null : Date.parse(list.next_at)
  return (
    <dl className="col-span-2 col-start-2 mt-1 flex flex-wrap gap-x-5 gap-y-1 lg:contents">
      <Figure name={t('dnsLists.column.entries')} place="lg:col-start-3">
        <span data-testid="list-entries">{formatNumber(list.entries)}</span>
      </Figure>
      <Figure name={t('dnsLists.column.hits')} place="lg:col-start-4">
        {list.hits === 0 ? <span className="text-faint">–</span> : formatNumber(list.hits)}
      </Figure>
      <Figure name={t('dnsLists.column.updated')} place="lg:col-start-5">
        <span title={updatedAtMs === null ? undefined : formatMoment(updatedAtMs)}>
          {updatedAtMs === null ? t('dnsLists.never') : agoText(updatedAtMs, nowMs)}
        </span>
      </Figure>
      <Figure name={t('dnsLists.column.next')} place="lg:col-start-6">
        <span title={nextAtMs === null ? undefined : formatMoment(nextAtMs)}>
          {nextAtMs === null
            ? '–'
            : t('dnsLists.inTime', { time: formatDuration(nextAtMs - nowMs) })}
        </span>
      </Figure>
    </dl>
  )
}

interface FigureProps {
  readonly name: string
  readonly place: string
  readonly children: ReactNode
}

function Figure({ name, place, children }: FigureProps): ReactNode {
  return (
    <div className={cx('flex gap-1.5 lg:row-start-1 lg:block lg:text-end', place)}>
      <dt className="text-muted lg:sr-only">{name}</dt>
      <dd className="tabular">{children}</dd>
    </div>
  )
}

function Actions(props: ListLineProps & { readonly isLoading: boolean }): ReactNode {
  const { list } = props
  return (
    <div className="flex justify-end lg:col-start-7 lg:row-start-1">
      {list.url === null ? null : (
        <IconButton
          aria-label={t('dnsLists.update', { name: list.name })}
          disabled={props.isLoading || !list.on}
          icon={<RefreshCw size={14} aria-hidden />}
          onClick={() => props.onRefresh('careful')}
          data-testid="list-update"
        />
      )}
      <IconButton
        aria-label={t('dnsLists.edit', { name: list.name })}
        icon={<Pencil size={14} aria-hidden />}
        onClick={props.onEdit}
        data-testid="list-edit"
      />
      <IconButton
        aria-label={t('dnsLists.remove', { name: list.name })}
        icon={<Trash2 size={14} aria-hidden />}
        onClick={props.onRemove}
        data-testid="list-remove"
      />
    </div>
  )
}
