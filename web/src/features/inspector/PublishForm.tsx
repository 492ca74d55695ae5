/** Publishes one event and says who got it. */

import { Send } from 'lucide-react'
import { type ReactNode, useState } from 'react'
import * as z from 'zod/mini'
import { Button } from '../../components/ui/Button.tsx'
import { TextField } from '../../components/ui/TextField.tsx'
import { request } from '../../lib/api.ts'
import { isChannelName } from '../../lib/channelPattern.ts'
import { t } from '../../lib/i18n.ts'
import { type PublishDraft, publishBody } from './snippets.ts'

const published = z.object({
  positions: z.array(z.nullable(z.string())),
  matched: z.number(),
})

type Outcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'sending' }
  | { readonly kind: 'sent'; readonly position: string | null; readonly nReceivers: number }
  | { readonly kind: 'failed'; readonly reason: string }

export interface PublishFormProps {
  readonly draft: PublishDraft
  readonly onChange: (draft: PublishDraft) => void
}

export function PublishForm({ draft, onChange }: PublishFormProps): ReactNode {
  const [outcome, setOutcome] = useState<Outcome>({ kind: 'none' })
  const set = (patch: Partial<PublishDraft>): void => onChange({ ...draft, ...patch })
  const badData = dataProblem(draft.data)
  const badChannel = draft.channel !== '' && !isChannelName(draft.channel)
  const isReady = badData === null && isChannelName(draft.channel) && outcome.kind !== 'sending'
  const send = (): void => {
    setOutcome({ kind: 'sending' })
    publish(draft).then(setOutcome, (error: Error) =>
      setOutcome({ kind: 'failed', reason: error.message }),
    )
  }
  return (
    <form
      className="flex flex-col gap-3 p-4"
      onSubmit={(event) => {
        event.preventDefault()
        if (isReady) send()
      }}
    >
      <TextField
        label={t('inspector.publish.channel')}
        value={draft.channel}
        onChange={(channel) => set({ channel })}
        problem={badChannel ? t('inspector.publish.badChannel') : null}
        isMono
        testId="publish-channel"
      />
      <TextField
        label={t('inspector.publish.type')}
        value={draft.type}
        onChange={(type) => set({ type })}
        isMono
        testId="publish-type"
      />
      <TextField
        label={t('inspector.publish.data')}
        value={draft.data}
        onChange={(data) => set({ data })}
        problem={badData === null ? null : t('inspector.publish.badData', { reason: badData })}
        rows={6}
        isMono
        testId="publish-data"
      />
      <div className="grid grid-cols-2 gap-3">
        <TextField
          label={t('inspector.publish.ttl')}
          value={draft.ttl}
          onChange={(ttl) => set({ ttl: ttl.replace(/\D/g, '') })}
          hint={t('inspector.publish.optional')}
        />
        <TextField
          label={t('inspector.publish.id')}
          value={draft.id}
          onChange={(id) => set({ id })}
          hint={t('inspector.publish.optional')}
          isMono
        />
      </div>
      <div className="flex flex-wrap items-center gap-3">
        <Button
          type="submit"
          tone="primary"
          icon={<Send size={14} aria-hidden />}
          disabled={!isReady}
          data-testid="publish-send"
        >
          {t('inspector.publish.send')}
        </Button>
        <p role="status" data-testid="publish-outcome" className="min-w-0 flex-1 text-sm">
          {outcome.kind === 'sent' ? (
            <span className="text-ok">
              {t('inspector.publish.sent', { n: outcome.nReceivers })}
              {outcome.position ? <span className="mono block">{outcome.position}</span> : null}
            </span>
          ) : null}
          {outcome.kind === 'failed' ? <span className="text-bad">{outcome.reason}</span> : null}
        </p>
      </div>
    </form>
  )
}

async function publish(draft: PublishDraft): Promise<Outcome> {
  const response = await request('/api/sse/events', { method: 'POST', body: publishBody(draft) })
  const { positions, matched } = published.parse(await response.json())
  return { kind: 'sent', position: positions[0] ?? null, nReceivers: matched }
}

/** Returns why a text is no JSON; null when it is, or empty. */
function dataProblem(text: string): string | null {
  if (!text) return null
  try {
    JSON.parse(text)
    return null
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
