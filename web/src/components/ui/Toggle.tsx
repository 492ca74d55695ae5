/** A switch that is on or off, with its name beside it or for screen readers alone. */

import type { ReactNode } from 'react'
import { cx } from '../../lib/cx.ts'

export interface ToggleProps {
  readonly label: string
  readonly isOn: boolean
  readonly onChange: (isOn: boolean) => void
  readonly isDisabled?: boolean
  /** Shows the name beside the switch. */
  readonly hasText?: boolean
  readonly testId?: string
}

export function Toggle(props: ToggleProps): ReactNode {
  const { label, isOn, onChange, isDisabled, hasText, testId } = props
  const button = (
    <button
      type="button"
      role="switch"
      aria-checked={isOn}
      aria-label={label}
      disabled={isDisabled}
      data-testid={testId}
      onClick={() => onChange(!isOn)}
      className={cx(
        'flex h-6 w-10 shrink-0 rounded-full border p-0.5 transition-colors disabled:opacity-50',
        isOn ? 'border-accent bg-accent' : 'border-line-strong bg-inset',
      )}
    >
      <span
        className={cx(
          'size-[18px] rounded-full transition-transform forced-colors:border',
          isOn ? 'translate-x-4 bg-on-accent rtl:-translate-x-4' : 'bg-muted',
        )}
      />
    </button>
  )
  if (!hasText) return button
  return (
    <span className="flex items-center gap-2.5 text-sm">
      {button}
      <span aria-hidden>{label}</span>
    </span>
  )
}
