/** What is asked, as it happens, and what was asked before: one list. */

import { useNavigate, useSearch } from '@tanstack/react-router'
import { type ReactNode, useCallback } from 'react'
import { DnsOffLine } from '../../components/DnsOffLine.tsx'
import { UndoToast } from '../../components/UndoToast.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { PageHeader } from '../../components/ui/Surface.tsx'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { withTerm } from '../../lib/dns/logFilter.ts'
import { t } from '../../lib/i18n.ts'
import type { DnsLogPatch, DnsLogSearch } from './dnsLogSearch.ts'
import { ExportMenu } from './ExportMenu.tsx'
import { FilterBox } from './FilterBox.tsx'
import { LogBody } from './LogBody.tsx'
import { LogNotes } from './LogNotes.tsx'
import { RangePicker } from './RangePicker.tsx'
import { useLogFeed } from './useLogFeed.ts'
import { useRuleActions } from './useRuleActions.ts'

export function DnsLogPage(): ReactNode {
  const search = useSearch({ from: '/dns/log' })
  const change = useChange()
  const { data: status } = useDnsStatus()
  const inUse = useLogFeed(search)
  const actions = useRuleActions()
  const { filter = '' } = search
  return (
    <div
      data-testid="dns-log-page"
      className="flex h-full min-h-[34rem] flex-col gap-3 p-3 [--log-time:5.2rem] sm:[--log-time:6.6rem] md:p-5"
    >
      <PageHeader title={t('dnsLog.title')} subtitle={t('dnsLog.subtitle')} />
      <div className="flex flex-wrap items-center gap-2">
        <FilterBox
          filter={filter}
          problem={inUse.problem}
          onChange={(next, how) => change({ filter: next || undefined }, how)}
        />
        <RangePicker search={search} onChange={(patch) => change(patch, 'choose')} />
        <Button
          aria-pressed={search.group === true}
          title={t('dnsLog.group.hint')}
          data-testid="log-group"
          onClick={() => change({ group: search.group ? undefined : true }, 'choose')}
        >
          {t('dnsLog.group')}
        </Button>
        <ExportMenu filter={inUse.stored} />
      </div>
      <DnsOffLine status={status} />
      <LogNotes feed={inUse.feed} state={inUse.state} />
      <LogBody
        // Another filter, or other lines, are another table.
        key={`${inUse.n} ${search.group ?? false}`}
        search={search}
        change={change}
        inUse={inUse}
        status={status}
        onAct={actions.act}
        onFilter={(added) =>
          change({ filter: withTerm(filter, added), entry: undefined }, 'choose')
        }
      />
      <UndoToast done={actions.done} onClose={actions.close} />
    </div>
  )
}

export type ChangeLog = (patch: DnsLogPatch, how: 'type' | 'choose') => void

/** Typing replaces the entry of the history, choosing adds one. */
function useChange(): ChangeLog {
  const navigate = useNavigate({ from: '/dns/log' })
  return useCallback(
    (patch, how) => {
      void navigate({
        search: (before) => defined({ ...before, ...patch }),
        replace: how === 'type',
      })
    },
    [navigate],
  )
}

/** Leaves out members that are undefined, so that they leave the URL. */
function defined(values: DnsLogPatch): DnsLogSearch {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined)
  // `Object.fromEntries` forgets the names that went in.
  return Object.fromEntries(entries) as DnsLogSearch
}
