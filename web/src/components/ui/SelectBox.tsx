/** A native choice of one value or all, in the look of the other controls. */

import { ChevronDown } from 'lucide-react'
import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'

export interface SelectBoxProps {
  readonly label: string
  /** Text of the choice of everything. */
  readonly all: string
  readonly options: readonly string[]
  readonly value: string | null
  readonly onChange: (value: string | null) => void
}

export function SelectBox({ label, all, options, value, onChange }: SelectBoxProps): ReactNode {
  const shown = value !== null && !options.includes(value) ? [value, ...options] : options
  return (
    <span className="relative shrink-0">
      <select
        aria-label={label}
        value={value ?? ''}
        onChange={(event) => onChange(event.target.value || null)}
        className={cx(
          'h-8 max-w-44 appearance-none truncate rounded-full border ps-3 pe-7 text-sm font-medium',
          value === null
            ? 'border-line-strong bg-surface text-text hover:bg-inset'
            : 'border-accent bg-accent-tint text-accent-strong',
        )}
      >
        <option value="">{all}</option>
        {shown.map((option) => (
          <option key={option} value={option}>
            {option}
          </option>
        ))}
      </select>
      <ChevronDown
        size={14}
        aria-hidden
        className="pointer-events-none absolute end-2.5 top-1/2 -translate-y-1/2 text-muted"
      />
    </span>
  )
}
