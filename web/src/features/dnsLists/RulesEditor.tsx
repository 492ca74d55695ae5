/** The rules as text, with numbered lines and what is wrong with those that are none. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useRef, useState } from 'react'
import { IgnoredLines } from '../../components/dns/IgnoredLines.tsx'
import { Button } from '../../components/ui/Button.tsx'
import { Problem } from '../../components/ui/Problem.tsx'
import { Badge, Card, Skeleton } from '../../components/ui/Surface.tsx'
import { ruleBookKey, rulesTextQuery, saveRulesText } from '../../lib/dns/ruleBook.ts'
import { t } from '../../lib/i18n.ts'
import { lineRange } from './lineRange.ts'
import { NumberedText } from './NumberedText.tsx'

export function RulesEditor(): ReactNode {
  const queries = useQueryClient()
  const { data, error } = useQuery(rulesTextQuery)
  /** Null is as it is saved. */
  const [typed, setTyped] = useState<string | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const [isBusy, setIsBusy] = useState(false)
  const area = useRef<HTMLTextAreaElement>(null)
  const isChanged = typed !== null && typed !== data?.text
  const text = typed ?? data?.text ?? ''
  const save = async (): Promise<void> => {
    setIsBusy(true)
    setProblem(null)
    try {
      queries.setQueryData(rulesTextQuery.queryKey, await saveRulesText(text))
      setTyped(null)
      await queries.invalidateQueries({ queryKey: ruleBookKey })
    } catch (failure) {
      setProblem(failure instanceof Error ? failure.message : String(failure))
    } finally {
      setIsBusy(false)
    }
  }
  const goTo = (line: number): void => {
    const range = lineRange(text, line)
    area.current?.focus()
    area.current?.setSelectionRange(range.start, range.end)
  }
  return (
    <Card
      title={t('dnsRules.text')}
      aside={
        <span className="flex items-center gap-2">
          {isChanged ? <Badge tone="info">{t('dnsRules.text.unsaved')}</Badge> : null}
          {data ? (
            <span data-testid="text-rules" className="tabular text-xs text-muted">
              {t('dnsRules.text.counts', { n: data.rules })}
            </span>
          ) : null}
        </span>
      }
    >
      {data ? (
        <div className="p-4">
          <NumberedText
            ref={area}
            label={t('dnsRules.text.label')}
            text={text}
            // Other lines may be wrong once the text has changed.
            badLines={isChanged ? [] : data.ignored_lines.map(({ line }) => line)}
            onChange={setTyped}
            testId="rules-text"
          />
          <p className="mt-1 text-xs text-muted">{t('dnsRules.text.hint')}</p>
          {data.ignored > 0 && !isChanged ? (
            <IgnoredLines lines={data.ignored_lines} total={data.ignored} onChoose={goTo} />
          ) : null}
          <Problem text={problem} />
          <div className="mt-3 flex justify-end gap-2">
            <Button disabled={!isChanged} onClick={() => setTyped(null)}>
              {t('dnsRules.text.revert')}
            </Button>
            <Button
              tone="primary"
              disabled={!isChanged || isBusy}
              data-testid="rules-save"
              onClick={() => void save()}
            >
              {t('dnsLists.form.save')}
            </Button>
          </div>
        </div>
      ) : error ? (
        <p className="p-4 text-sm text-bad">
          {t('dnsRules.failed')}: {error.message}
        </p>
      ) : (
        <Skeleton className="m-4 h-40" />
      )}
    </Card>
  )
}
