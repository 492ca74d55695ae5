/** Search and facets of the lease table, and how many rows they leave. */

import { Search, X } from 'lucide-react'
import { type ReactNode, useMemo, useRef, useSyncExternalStore } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { SelectBox } from '../../components/ui/SelectBox.tsx'
import { t } from '../../lib/i18n.ts'
import { useKey } from '../../lib/keys.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
import { FACETS, type Facet } from './leasesSearch.ts'
import type { LeasesTable } from './useLeasesTable.ts'

const LABELS: Readonly<Record<Facet, string>> = {
  active: t('leases.status.active'),
  static: t('leases.status.static'),
  expired: t('leases.status.expired'),
  expiring: t('leases.facet.expiring'),
  unnamed: t('leases.facet.unnamed'),
}

export function LeasesToolbar({ table }: { readonly table: LeasesTable }): ReactNode {
  const { search, change } = table
  const on = search.is ?? []
  const toggle = (facet: Facet): void => {
    const next = on.includes(facet) ? on.filter((other) => other !== facet) : [...on, facet]
    change({ is: next.length > 0 ? next : undefined }, 'choose')
  }
  return (
    <div
      data-testid="table-controls"
      className="-mx-3 flex flex-wrap items-center gap-2 px-3 md:mx-0 md:px-0"
    >
      <SearchField table={table} />
      <div
        role="group"
        aria-label={t('leases.facet.status')}
        className="-mx-3 flex min-w-0 gap-1.5 overflow-x-auto px-3 py-0.5 [scrollbar-width:none] md:mx-0 md:px-0"
      >
        {FACETS.map((facet) => (
          <Button
            key={facet}
            aria-pressed={on.includes(facet)}
            onClick={() => toggle(facet)}
            className="rounded-full px-3"
          >
            {LABELS[facet]}
          </Button>
        ))}
        <Choice table={table} name="pool" />
        <Choice table={table} name="vendor" />
      </div>
      <Count table={table} />
    </div>
  )
}

function SearchField({ table }: { readonly table: LeasesTable }): ReactNode {
  const { search, change } = table
  const input = useRef<HTMLInputElement>(null)
  useKey('/', () => input.current?.select())
  const clear = (): void => {
    change({ q: undefined }, 'type')
    input.current?.focus()
  }
  return (
    <div className="relative w-full sm:w-72">
      <Search
        size={15}
        aria-hidden
        className="pointer-events-none absolute start-2.5 top-1/2 -translate-y-1/2 text-muted"
      />
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterKeyHint="search"
        autoComplete="off"
        spellCheck={false}
        data-testid="lease-search-input"
        aria-label={t('leases.search')}
        placeholder={t('leases.search')}
        value={search.q ?? ''}
        onChange={(event) => change({ q: event.target.value || undefined }, 'type')}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.preventDefault()
          if (search.q) clear()
          else event.currentTarget.blur()
        }}
        className="h-8 w-full rounded-control border border-line-strong bg-surface ps-8 pe-9 text-sm focus-visible:outline-offset-0"
      />
      {search.q ? (
        <IconButton
          data-testid="lease-search-clear"
          aria-label={t('table.filter.clear')}
          icon={<X size={14} />}
          onClick={clear}
          className="absolute end-0.5 top-0.5 size-7"
        />
      ) : null}
    </div>
  )
}

interface ChoiceProps {
  readonly table: LeasesTable
  readonly name: 'pool' | 'vendor'
}

/** Values offered at once; rarer ones are found by search. */
const CHOICES_MAX = 60

/** Offers the values that leases have; a single one is no choice. */
function Choice({ table, name }: ChoiceProps): ReactNode {
  const { nTotal } = useSyncExternalStore(table.view.subscribe, table.view.state)
  const chosen = table.search[name]
  const values = useMemo(() => {
    const counts = new Map<string, number>()
    if (nTotal === 0) return []
    for (const { wire } of leaseStore.rows.values()) {
      const value = name === 'pool' ? wire.pool_name : wire.vendor
      if (value) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    return [...counts].sort((left, right) => right[1] - left[1]).slice(0, CHOICES_MAX)
  }, [nTotal, name])
  if (values.length < 2 && !chosen) return null
  return (
    <SelectBox
      label={t(`leases.facet.${name}`)}
      all={t(`leases.facet.all.${name}`)}
      options={values.map(([value]) => value)}
      value={chosen ?? null}
      onChange={(value) => table.change({ [name]: value ?? undefined }, 'choose')}
    />
  )
}

function Count({ table }: { readonly table: LeasesTable }): ReactNode {
  const { nMatching, nTotal } = useSyncExternalStore(table.view.subscribe, table.view.state)
  if (table.state.status !== 'ready') return null
  const isFiltered = nMatching !== nTotal
  return (
    <span data-testid="lease-count" className="tabular text-sm text-muted lg:ms-auto">
      {isFiltered
        ? t('leases.count.filtered', { shown: nMatching, n: nTotal })
        : t('leases.count', { n: nTotal })}
    </span>
  )
}
