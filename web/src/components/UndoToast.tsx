/** Says what was done and offers to take it back for a while. */

import { Undo2, X } from 'lucide-react'
import { type ReactNode, useEffect, useState } from 'react'
import { t } from '../lib/i18n.ts'
import { Button, IconButton } from './ui/Button.tsx'

/** How long something can be taken back here. */
export const UNDO_MS = 8000

export interface Done {
  /** Another number for everything that is done. */
  readonly n: number
  readonly text: string
  /** What is worth knowing beside it. */
  readonly hint?: string
  readonly isBad?: boolean
  /** Null when there is nothing to take back. */
  readonly undo: (() => void) | null
}

export interface UndoToastProps {
  readonly done: Done | null
  readonly onClose: () => void
}

export function UndoToast({ done, onClose }: UndoToastProps): ReactNode {
  const [isHeld, setIsHeld] = useState(false)
  useEffect(() => {
    if (done === null || isHeld) return
    const timer = setTimeout(onClose, UNDO_MS)
    return () => clearTimeout(timer)
  }, [done, isHeld, onClose])
  return (
    <div
      role="status"
      onPointerEnter={() => setIsHeld(true)}
      onPointerLeave={() => setIsHeld(false)}
      className="pointer-events-none fixed inset-x-3 bottom-18 z-40 flex justify-center md:bottom-5"
    >
      {done === null ? null : (
        <div
          key={done.n}
          data-testid="undo-toast"
          className="pointer-events-auto flex max-w-xl items-center gap-3 rounded-card border border-line-strong bg-raised py-2 ps-4 pe-2 text-sm text-text shadow-pop"
        >
          <div className="min-w-0">
            <p className={done.isBad ? 'font-medium text-bad' : 'font-medium'}>{done.text}</p>
            {done.hint ? <p className="text-muted">{done.hint}</p> : null}
          </div>
          {done.undo ? (
            <Button
              icon={<Undo2 size={14} aria-hidden />}
              data-testid="undo"
              onClick={() => {
                done.undo?.()
                setIsHeld(false)
              }}
            >
              {t('common.undo')}
            </Button>
          ) : null}
          <IconButton
            aria-label={t('common.close')}
            icon={<X size={15} />}
            onClick={() => {
              setIsHeld(false)
              onClose()
            }}
          />
        </div>
      )}
    </div>
  )
}
