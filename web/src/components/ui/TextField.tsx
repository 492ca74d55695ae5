/** A field with its label, a hint, and what is wrong with the text. */

import { type ReactNode, useId } from 'react'
import { cx } from '../../lib/cx.ts'

export interface TextFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly onEnter?: () => void
  readonly hint?: string
  readonly problem?: string | null
  /** Lines of a field for longer texts. */
  readonly rows?: number
  readonly isMono?: boolean
  /** Leaves the label to screen readers. */
  readonly isLabelHidden?: boolean
  readonly testId?: string
  readonly className?: string
}

export function TextField(props: TextFieldProps): ReactNode {
  const id = useId()
  const { problem = null, hint } = props
  const noteId = problem || hint ? `${id}-note` : undefined
  const shared = {
    id,
    value: props.value,
    autoComplete: 'off',
    spellCheck: false,
    'data-testid': props.testId,
    'aria-invalid': problem !== null,
    'aria-describedby': noteId,
    className: cx(
      'w-full rounded-control border bg-surface px-2.5 text-sm focus-visible:outline-offset-0',
      problem === null ? 'border-line-strong' : 'border-bad',
      props.isMono && 'mono',
      props.rows === undefined ? 'h-8' : 'py-2 leading-5',
    ),
  }
  return (
    <div className={cx('min-w-0', props.className)}>
      <label
        htmlFor={id}
        className={props.isLabelHidden ? 'sr-only' : 'mb-1 block text-xs font-medium text-muted'}
      >
        {props.label}
      </label>
      {props.rows === undefined ? (
        <input
          type="text"
          {...shared}
          onChange={(event) => props.onChange(event.target.value)}
          onKeyDown={(event) => event.key === 'Enter' && props.onEnter?.()}
        />
      ) : (
        <textarea
          {...shared}
          rows={props.rows}
          onChange={(event) => props.onChange(event.target.value)}
        />
      )}
      {noteId ? (
        <p id={noteId} className={cx('mt-1 text-xs', problem ? 'text-bad' : 'text-faint')}>
          {problem ?? hint}
        </p>
      ) : null}
    </div>
  )
}
