/** Blocks and allows names from the log, with a while to take it back. */

import { useCallback, useRef, useState } from 'react'
import type { DnsLoggedQuery } from 'tidings'
import type { Done } from '../../components/UndoToast.tsx'
import { fetchCheck } from '../../lib/dns/check.ts'
import { addRule, type RuleAction, removeRule } from '../../lib/dns/ownRules.ts'
import { t } from '../../lib/i18n.ts'
import { queryClient } from '../../lib/queryClient.ts'

export interface RuleActions {
  readonly done: Done | null
  readonly act: (action: RuleAction, entry: DnsLoggedQuery) => void
  readonly close: () => void
}

/** Verdicts that a rule is to bring about. */
const WANTED: Readonly<Record<RuleAction, readonly string[]>> = {
  block: ['blocked'],
  allow: ['allowed', 'passed'],
}

export function useRuleActions(): RuleActions {
  const [done, setDone] = useState<Done | null>(null)
  const n = useRef(0)
  const say = useCallback((said: Omit<Done, 'n'>) => {
    n.current += 1
    setDone({ n: n.current, ...said })
  }, [])
  const close = useCallback(() => setDone(null), [])

  const act = useCallback(
    (action: RuleAction, entry: DnsLoggedQuery) => {
      const { name } = entry
      const fail = (error: Error): void => say({ text: error.message, isBad: true, undo: null })
      const undo = (): void => {
        removeRule(action, name).then(() => {
          say({ text: t(`dnsLog.undone.${action}`, { name }), undo: null })
          return changed()
        }, fail)
      }
      const run = async (): Promise<void> => {
        await addRule(action, name)
        await changed()
        // A rule that weighs more may stand against it.
        const check = await fetchCheck(entry).catch(() => null)
        const isIdle = check !== null && !WANTED[action].includes(check.verdict)
        const rule = check?.reason?.rule ?? ''
        const hint = isIdle ? { hint: t('dnsLog.done.idle', { verdict: check.verdict, rule }) } : {}
        say({ text: t(`dnsLog.done.${action}`, { name }), ...hint, undo })
      }
      if (name === '') say({ text: t('dnsLog.done.noName'), isBad: true, undo: null })
      else run().catch(fail)
    },
    [say],
  )
  return { done, act, close }
}

async function changed(): Promise<void> {
  await queryClient.invalidateQueries({ queryKey: ['dns-check'] })
}
