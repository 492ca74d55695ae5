/** Buttons that ask for a flush: of one answer, of a domain, of everything. */

import { Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { t } from '../../lib/i18n.ts'
import { useAskFlush } from './flushAsked.ts'

export interface FlushRowButtonProps {
  readonly name: string
  readonly type: string
}

export function FlushRowButton({ name, type }: FlushRowButtonProps): ReactNode {
  const ask = useAskFlush()
  return (
    <IconButton
      aria-label={t('dnsCache.flush.one', { name, type })}
      icon={<Trash2 size={14} aria-hidden />}
      onClick={() => ask({ kind: 'one', name, type })}
      className="size-7"
    />
  )
}

export function FlushButtons(): ReactNode {
  const ask = useAskFlush()
  return (
    <>
      <Button data-testid="flush-within" onClick={() => ask({ kind: 'within', name: '' })}>
        {t('dnsCache.flush.within')}
      </Button>
      <Button tone="danger" data-testid="flush-all" onClick={() => ask({ kind: 'all' })}>
        {t('dnsCache.flush.all')}
      </Button>
    </>
  )
}
