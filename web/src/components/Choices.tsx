/** A few choices of which one is on, as buttons side by side. */

import type { ReactNode } from 'react'
import { cx } from '../lib/cx.ts'

export interface ChoicesProps<Value extends string> {
  readonly label: string
  readonly options: readonly { readonly value: Value; readonly label: string }[]
  readonly value: Value
  readonly onChange: (value: Value) => void
}

export function Choices<Value extends string>(props: ChoicesProps<Value>): ReactNode {
  return (
    <div
      role="group"
      aria-label={props.label}
      className="flex h-8 w-fit shrink-0 rounded-control border border-line-strong bg-surface p-0.5"
    >
      {props.options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === props.value}
          onClick={() => props.onChange(option.value)}
          className={cx(
            'rounded-[5px] px-2.5 text-sm font-medium text-muted hover:text-text',
            'aria-pressed:bg-accent-tint aria-pressed:text-accent-strong',
          )}
        >
          {option.label}
        </button>
      ))}
    </div>
  )
}
