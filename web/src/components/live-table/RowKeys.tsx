/** Single letters that act on the current row of a table. */

import type { ReactNode } from 'react'
import { useKey } from '../../lib/keys.ts'

export interface RowKeysProps {
  readonly keys: Readonly<Record<string, (id: string) => void>>
  readonly currentId: string | null
}

export function RowKeys({ keys, currentId }: RowKeysProps): ReactNode {
  return Object.entries(keys).map(([letter, run]) => (
    <RowKey key={letter} letter={letter} run={() => currentId !== null && run(currentId)} />
  ))
}

function RowKey({ letter, run }: { readonly letter: string; readonly run: () => void }): ReactNode {
  useKey(letter, run)
  return null
}
