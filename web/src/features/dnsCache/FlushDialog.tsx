/** Asks before answers are thrown away, and says how many they are. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { ConfirmDialog } from '../../components/ui/ConfirmDialog.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { t } from '../../lib/i18n.ts'
import { countFlush, type Flush, type FlushCount, flushCache } from './cacheQuery.ts'

export interface FlushDialogProps {
  readonly asked: Flush
  readonly onFlushed: (n: number) => void
  readonly onClose: () => void
}

export function FlushDialog({ asked, onFlushed, onClose }: FlushDialogProps): ReactNode {
  const queries = useQueryClient()
  const [what, setWhat] = useState(asked)
  const domain = what.kind === 'within' ? what.name.trim() : null
  const { data: count, error } = useQuery({
    queryKey: ['dns', 'cache-count', what] as const,
    queryFn: ({ signal }) => countFlush(what, signal),
    enabled: domain !== '',
    staleTime: 0,
    gcTime: 0,
  })
  const flush = async (): Promise<void> => {
    const n = await flushCache(what)
    await queries.invalidateQueries({ queryKey: ['dns', 'cache'] })
    await queries.invalidateQueries({ queryKey: ['dns', 'status'] })
    onFlushed(n)
  }
  return (
    <ConfirmDialog
      title={titleOf(asked)}
      yes={yesText(count)}
      isReady={count !== undefined && count.n > 0}
      onYes={flush}
      onClose={onClose}
      testId="flush-dialog"
    >
      {asked.kind === 'within' ? (
        <TextField
          label={t('dnsCache.flush.domain')}
          hint={t('dnsCache.flush.domain.hint')}
          value={domain ?? ''}
          onChange={(name) => setWhat({ kind: 'within', name: name.trim() })}
          isMono
          testId="flush-domain"
        />
      ) : null}
      {asked.kind === 'one' ? (
        <label className="flex items-start gap-2.5">
          <input
            type="checkbox"
            checked={what.kind === 'within'}
            onChange={(event) =>
              setWhat(event.target.checked ? { kind: 'within', name: asked.name } : asked)
            }
            className="mt-0.5 size-4 accent-[var(--accent)]"
          />
          <span className="min-w-0 break-words">
            {t('dnsCache.flush.below', { name: asked.name })}
          </span>
        </label>
      ) : null}
      <p data-testid="flush-count" role="status" className="mt-3 text-muted">
        {domain === '' ? null : error ? error.message : countText(count)}
      </p>
    </ConfirmDialog>
  )
}

function titleOf(asked: Flush): string {
  if (asked.kind === 'one') {
    return t('dnsCache.flush.title.one', { name: asked.name, type: asked.type })
  }
  return t(`dnsCache.flush.title.${asked.kind}`)
}

function countText(count: FlushCount | undefined): string {
  if (count === undefined) return t('dnsCache.flush.counting')
  if (count.n === 0) return t('dnsCache.flush.count.none')
  return t(count.isMore ? 'dnsCache.flush.count.more' : 'dnsCache.flush.count', { n: count.n })
}

function yesText(count: FlushCount | undefined): string {
  if (count === undefined) return t('dnsCache.flush.yes', { n: 0 })
  return t(count.isMore ? 'dnsCache.flush.yes.more' : 'dnsCache.flush.yes', { n: count.n })
}
