/** A field that finds rows: `/` goes to it, Escape clears it. */

import { Search, X } from 'lucide-react'
import { type ReactNode, useRef } from 'react'
import { t } from '../lib/i18n.ts'
import { useKey } from '../lib/keys.ts'
import { IconButton } from './ui/Button.tsx'

export interface SearchFieldProps {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly testId?: string
}

export function SearchField({ label, value, onChange, testId }: SearchFieldProps): ReactNode {
  const input = useRef<HTMLInputElement>(null)
  useKey('/', () => input.current?.select())
  const clear = (): void => {
    onChange('')
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
        data-testid={testId}
        aria-label={label}
        placeholder={label}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.preventDefault()
          if (value) clear()
          else event.currentTarget.blur()
        }}
        className="h-8 w-full rounded-control border border-line-strong bg-surface ps-8 pe-9 text-sm focus-visible:outline-offset-0"
      />
      {value ? (
        <IconButton
          aria-label={t('table.filter.clear')}
          icon={<X size={14} />}
          onClick={clear}
          className="absolute end-0.5 top-0.5 size-7"
        />
      ) : null}
    </div>
  )
}
