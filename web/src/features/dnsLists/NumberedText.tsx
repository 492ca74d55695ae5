/** A field for many lines, numbered at the side; those that are wrong are marked. */

import { type ReactNode, type Ref, useMemo, useRef } from 'react'

/** Lines that are seen at once. */
const ROWS = 14
/** Beyond so many lines numbers would cost more than they tell. */
const NUMBERED_MAX = 5000

export interface NumberedTextProps {
  readonly label: string
  readonly text: string
  readonly badLines: readonly number[]
  readonly onChange: (text: string) => void
  readonly ref: Ref<HTMLTextAreaElement>
  readonly testId?: string
}

export function NumberedText(props: NumberedTextProps): ReactNode {
  const { text, badLines } = props
  const gutter = useRef<HTMLDivElement>(null)
  const nLines = text.split('\n').length
  const bad = useMemo(() => new Set(badLines), [badLines])
  const numbers = nLines > NUMBERED_MAX ? [] : Array.from({ length: nLines }, (_, n) => n + 1)
  return (
    <div className="mono flex rounded-control border border-line-strong bg-surface text-xs focus-within:outline-2 focus-within:outline-accent">
      <div
        ref={gutter}
        aria-hidden
        className="h-[18rem] min-w-9 shrink-0 overflow-hidden rounded-s-control border-e border-line bg-inset py-2 text-end leading-5 text-faint select-none"
      >
        {numbers.map((line) => (
          <div key={line} className={bad.has(line) ? 'bg-bad-tint px-2 text-bad' : 'px-2'}>
            {line}
          </div>
        ))}
        {/* The field scrolls a little further than its lines, for its own bar. */}
        <div className="h-8" />
      </div>
      <textarea
        ref={props.ref}
        aria-label={props.label}
        aria-invalid={bad.size > 0}
        data-testid={props.testId}
        rows={ROWS}
        wrap="off"
        spellCheck={false}
        autoComplete="off"
        autoCapitalize="off"
        value={text}
        onChange={(event) => props.onChange(event.target.value)}
        onScroll={(event) => {
          if (gutter.current) gutter.current.scrollTop = event.currentTarget.scrollTop
        }}
        className="h-[18rem] min-w-0 flex-1 resize-none bg-transparent px-2.5 py-2 leading-5 outline-none"
      />
    </div>
  )
}
