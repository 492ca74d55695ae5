/** A native choice of one value, with its label above. */

import { ChevronDown } from 'lucide-react'
import { type ReactNode, useId } from 'react'
import { cx } from '../../lib/cx.ts'

export interface SelectFieldProps<Value extends string> {
  readonly label: string
  readonly options: readonly { readonly value: Value; readonly label: string }[]
  readonly value: Value
  readonly onChange: (value: Value) => void
  readonly hint?: string
  readonly problem?: string | null
  /** Leaves the label to screen readers. */
  readonly isLabelHidden?: boolean
  readonly testId?: string
  readonly className?: string
}

export function SelectField<Value extends string>(props: SelectFieldProps<Value>): ReactNode {
  const id = useId()
  const { problem = null, hint } = props
  const noteId = problem || hint ? `${id}-note` : undefined
  return (
    <div className={cx('min-w-0', props.className)}>
      <label
        htmlFor={id}
        className={props.isLabelHidden ? 'sr-only' : 'mb-1 block text-xs font-medium text-muted'}
      >
        {props.label}
      </label>
      <span className="relative block">
        <select
          id={id}
          data-testid={props.testId}
          value={props.value}
          aria-invalid={problem !== null}
          aria-describedby={noteId}
          onChange={(event) => {
            const chosen = props.options.find(({ value }) => value === event.target.value)
            if (chosen) props.onChange(chosen.value)
          }}
          className={cx(
            'h-8 w-full appearance-none truncate rounded-control border bg-surface ps-2.5 pe-8 text-sm',
            problem === null ? 'border-line-strong' : 'border-bad',
          )}
        >
          {props.options.map(({ value, label }) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
        <ChevronDown
          size={14}
          aria-hidden
          className="pointer-events-none absolute end-2.5 top-1/2 -translate-y-1/2 text-muted"
        />
      </span>
      {noteId ? (
        <p id={noteId} className={cx('mt-1 text-xs', problem ? 'text-bad' : 'text-faint')}>
          {problem ?? hint}
        </p>
      ) : null}
    </div>
  )
}
