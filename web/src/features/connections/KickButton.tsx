/** Ends a stream, after asking once. */

import { useQueryClient } from '@tanstack/react-query'
import { Unplug } from 'lucide-react'
import { type ReactNode, useId, useRef, useState } from 'react'
import { Button, IconButton } from '../../components/ui/Button.tsx'
import { request } from '../../lib/api.ts'
import { connectionsQuery } from '../../lib/hubChannels.ts'
import { t } from '../../lib/i18n.ts'

export function KickButton({ id }: { readonly id: string }): ReactNode {
  const popoverId = useId()
  const popover = useRef<HTMLDivElement>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const queries = useQueryClient()
  const short = id.slice(0, 8)
  const kick = (): void => {
    setProblem(null)
    request(`/api/sse/connections/${encodeURIComponent(id)}`, { method: 'DELETE' }).then(
      () => {
        popover.current?.hidePopover()
        void queries.invalidateQueries({ queryKey: connectionsQuery.queryKey })
      },
      (error: Error) => setProblem(error.message),
    )
  }
  return (
    <>
      <IconButton
        tone="quiet"
        aria-label={t('connections.kick', { id: short })}
        icon={<Unplug size={15} aria-hidden />}
        popoverTarget={popoverId}
        className="size-7"
      />
      <div
        ref={popover}
        id={popoverId}
        popover="auto"
        className="fixed inset-0 m-auto h-fit w-80 max-w-[calc(100vw-2rem)] rounded-card border border-line bg-raised p-4 text-start text-sm whitespace-normal text-text shadow-pop"
      >
        <p className="font-semibold">
          {t('connections.kick.confirm')} <span className="mono">{short}</span>
        </p>
        <p className="mt-1 text-muted">{t('connections.kick.text')}</p>
        {problem ? (
          <p role="alert" className="mt-2 text-bad">
            {t('connections.kick.failed', { reason: problem })}
          </p>
        ) : null}
        <div className="mt-3 flex justify-end gap-2">
          <Button onClick={() => popover.current?.hidePopover()}>{t('connections.kick.no')}</Button>
          <Button tone="danger" data-testid="kick" onClick={kick}>
            {t('connections.kick.yes')}
          </Button>
        </div>
      </div>
    </>
  )
}
