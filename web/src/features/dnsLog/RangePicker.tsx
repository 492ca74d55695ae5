/** How far back the log is looked at: an age, everything, or a fixed stretch. */

import { ChevronDown } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import { t } from '../../lib/i18n.ts'
import { type DnsLogPatch, type DnsLogSearch, LOG_RANGES } from './dnsLogSearch.ts'

const FIXED = 'fixed'

export interface RangePickerProps {
  readonly search: DnsLogSearch
  readonly onChange: (patch: DnsLogPatch) => void
}

export function RangePicker({ search, onChange }: RangePickerProps): ReactNode {
  const isFixed = search.from !== undefined || search.to !== undefined
  const [isOpen, setIsOpen] = useState(false)
  const isShown = isFixed || isOpen
  const choose = (value: string): void => {
    const range = LOG_RANGES.find((known) => known === value)
    setIsOpen(value === FIXED)
    if (value !== FIXED) onChange({ range, from: undefined, to: undefined })
  }
  return (
    <>
      <span className="relative shrink-0">
        <select
          aria-label={t('dnsLog.range')}
          data-testid="log-range"
          value={isShown ? FIXED : (search.range ?? '')}
          onChange={(event) => choose(event.target.value)}
          className="h-8 appearance-none rounded-control border border-line-strong bg-surface ps-3 pe-8 text-sm font-medium hover:bg-inset"
        >
          <option value="">{t('dnsLog.range.all')}</option>
          {LOG_RANGES.map((range) => (
            <option key={range} value={range}>
              {t(`dnsLog.range.${range}`)}
            </option>
          ))}
          <option value={FIXED}>{t('dnsLog.range.fixed')}</option>
        </select>
        <ChevronDown
          size={14}
          aria-hidden
          className="pointer-events-none absolute end-2.5 top-1/2 -translate-y-1/2 text-muted"
        />
      </span>
      {isShown ? (
        <span className="flex flex-wrap items-center gap-2">
          <Moment
            label={t('dnsLog.range.from')}
            atMs={search.from}
            onChange={(from) => onChange({ from, range: undefined })}
          />
          <Moment
            label={t('dnsLog.range.to')}
            atMs={search.to}
            onChange={(to) => onChange({ to, range: undefined })}
          />
        </span>
      ) : null}
    </>
  )
}

interface MomentProps {
  readonly label: string
  readonly atMs: number | undefined
  readonly onChange: (atMs: number | undefined) => void
}

function Moment({ label, atMs, onChange }: MomentProps): ReactNode {
  return (
    <label className="flex items-center gap-1.5 text-sm text-muted">
      {label}
      <input
        type="datetime-local"
        step={1}
        value={atMs === undefined ? '' : localText(atMs)}
        onChange={(event) => {
          const chosen = new Date(event.target.value).getTime()
          onChange(Number.isNaN(chosen) ? undefined : chosen)
        }}
        className="h-8 rounded-control border border-line-strong bg-surface px-2 text-sm text-text"
      />
    </label>
  )
}

/** Writes a time as the browser's own fields have it: in the reader's zone, without it. */
function localText(atMs: number): string {
  const offsetMs = new Date(atMs).getTimezoneOffset() * 60_000
  return new Date(atMs - offsetMs).toISOString().slice(0, 19)
}
