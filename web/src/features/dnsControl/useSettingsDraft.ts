/** The settings page's state: what is in effect, what is changed, and applying it. */

import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { type DnsSettings, dnsSettingsQuery, patchDnsSettings } from '../../lib/dns/dnsSettings.ts'
import { useRefetchOn } from '../../lib/refetchOn.ts'
import { settingsQuery } from '../../lib/settingsQuery.ts'
import {
  type DnsSetting,
  type DraftChange,
  type Drafts,
  dnsSettingsOf,
  draftChanges,
  patchOf,
  type Refusal,
  refusalOf,
} from './settingsDraft.ts'

export interface SettingsDraft {
  /** Undefined until both answers are there. */
  readonly settings: readonly DnsSetting[] | undefined
  readonly error: Error | null
  readonly drafts: Drafts
  readonly changes: readonly DraftChange[]
  readonly refusal: Refusal | null
  readonly isApplying: boolean
  /** Whether the last thing that happened is that changes were applied. */
  readonly isApplied: boolean
  /** Counts up when drafts are dropped as a whole. */
  readonly generation: number
  change(key: string, value: unknown): void
  discard(): void
  apply(): Promise<void>
}

const NO_DRAFTS: Drafts = new Map()

export function useSettingsDraft(): SettingsDraft {
  const queries = useQueryClient()
  useRefetchOn('dns/info', dnsSettingsQuery.queryKey)
  const all = useQuery(settingsQuery)
  const effective = useQuery(dnsSettingsQuery)
  const [drafts, setDrafts] = useState<Drafts>(NO_DRAFTS)
  const [refusal, setRefusal] = useState<Refusal | null>(null)
  const [isApplying, setIsApplying] = useState(false)
  const [isApplied, setIsApplied] = useState(false)
  const [generation, setGeneration] = useState(0)
  const settings = useMemo(
    () =>
      all.data && effective.data ? dnsSettingsOf(all.data.settings, effective.data) : undefined,
    [all.data, effective.data],
  )
  const changes = useMemo(
    () => (settings ? draftChanges(settings, drafts) : []),
    [settings, drafts],
  )
  const take = (next: DnsSettings): void => {
    queries.setQueryData(dnsSettingsQuery.queryKey, next)
    setDrafts(NO_DRAFTS)
    setGeneration((before) => before + 1)
    setIsApplied(true)
  }
  return {
    settings,
    error: all.error ?? effective.error,
    drafts,
    changes,
    refusal,
    isApplying,
    isApplied,
    generation,
    change(key, value) {
      setIsApplied(false)
      if (refusal?.key === key || refusal?.key === null) setRefusal(null)
      setDrafts((before) => new Map(before).set(key, value))
    },
    discard() {
      setDrafts(NO_DRAFTS)
      setGeneration((before) => before + 1)
      setRefusal(null)
    },
    async apply() {
      if (!settings) return
      setIsApplying(true)
      setRefusal(null)
      try {
        take(await patchDnsSettings(patchOf(settings, drafts)))
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error)
        setRefusal(
          refusalOf(
            text,
            changes.map(({ key }) => key),
          ),
        )
      } finally {
        setIsApplying(false)
        await queries.invalidateQueries({ queryKey: ['dns'] })
      }
    },
  }
}
