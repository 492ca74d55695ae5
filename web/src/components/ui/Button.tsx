/** Buttons: with text, with an icon alone, and as a switch that stays pressed. */

import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react'
import { cx } from '../../lib/cx.ts'

export type ButtonTone = 'plain' | 'primary' | 'quiet' | 'danger'

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  readonly tone?: ButtonTone
  readonly icon?: ReactNode
  readonly ref?: Ref<HTMLButtonElement>
}

const TONES: Readonly<Record<ButtonTone, string>> = {
  plain: 'border-line-strong bg-surface text-text hover:bg-inset',
  primary: 'border-transparent bg-accent text-on-accent hover:bg-accent-strong',
  quiet: 'border-transparent bg-transparent text-muted hover:bg-inset hover:text-text',
  danger: 'border-line-strong bg-surface text-bad hover:bg-bad-tint',
}

const BASE =
  'inline-flex shrink-0 items-center justify-center gap-2 rounded-control border text-sm ' +
  'font-medium whitespace-nowrap transition-colors disabled:opacity-50 aria-pressed:bg-accent-tint ' +
  'aria-pressed:border-accent aria-pressed:text-accent-strong'

export function Button({
  tone = 'plain',
  icon,
  children,
  className,
  ...rest
}: ButtonProps): ReactNode {
  return (
    <button type="button" className={cx(BASE, TONES[tone], 'h-8 px-3', className)} {...rest}>
      {icon}
      {children}
    </button>
  )
}

/** A square button; `aria-label` is its name. */
export function IconButton({
  tone = 'quiet',
  icon,
  className,
  ...rest
}: ButtonProps & { readonly 'aria-label': string }): ReactNode {
  return (
    <button
      type="button"
      title={rest['aria-label']}
      className={cx(BASE, TONES[tone], 'size-8', className)}
      {...rest}
    >
      {icon}
    </button>
  )
}
