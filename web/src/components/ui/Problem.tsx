/** Says at once, also aloud, why something was not done. */

import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'

export interface ProblemProps {
  readonly text: string | null
  readonly testId?: string
}

export function Problem({ text, testId }: ProblemProps): ReactNode {
  if (text === null) return null
  return (
    <p
      role="alert"
      data-testid={testId}
      className="mt-3 flex items-start gap-2 rounded-control bg-bad-tint px-3 py-2 text-sm break-words text-bad"
    >
      <CircleAlert size={16} aria-hidden className="mt-0.5 shrink-0" />
      <span className="min-w-0 break-words">{text}</span>
    </p>
  )
}
