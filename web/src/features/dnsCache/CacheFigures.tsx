/** How the cache does: how much it holds and how often it helps. */

import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { StatCard } from '../../components/StatCard.tsx'
import { dnsSettingsQuery, settingAt } from '../../lib/dns/dnsSettings.ts'
import { useDnsStatus } from '../../lib/dns/dnsStatus.ts'
import { formatBytes, formatPercent } from '../../lib/format.ts'
import { t } from '../../lib/i18n.ts'

export function CacheFigures(): ReactNode {
  const { data, error } = useDnsStatus()
  const { data: settings } = useQuery(dnsSettingsQuery)
  const missing = error && !data ? null : undefined
  const cache = data?.cache
  const sizeMax = settingAt(settings, 'cache.size_max_bytes')
  const prefetchHits = settingAt(settings, 'cache.prefetch_hits')
  const nAsked = cache ? cache.hits + cache.misses : 0
  return (
    <section
      aria-label={t('stats.label')}
      className="grid grid-cols-2 gap-3 md:grid-cols-3 xl:grid-cols-5"
    >
      <StatCard
        testId="cache-entries"
        title={t('dnsCache.entries')}
        hint={t('dnsCache.entries.hint', { n: cache?.evicted ?? 0 })}
        value={cache?.entries ?? missing}
      />
      <StatCard
        testId="cache-memory"
        title={t('dnsCache.memory')}
        hint={
          typeof sizeMax === 'number'
            ? t('dnsCache.memory.hint', { size: formatBytes(sizeMax) })
            : ' '
        }
        value={cache ? formatBytes(cache.size_bytes) : missing}
      />
      <StatCard
        testId="cache-ratio"
        title={t('dnsCache.ratio')}
        hint={t('dnsCache.ratio.hint', { n: nAsked })}
        value={cache ? ratioText(cache.hits, nAsked) : missing}
      />
      <StatCard
        testId="cache-prefetched"
        title={t('dnsCache.prefetched')}
        hint={
          typeof prefetchHits !== 'number'
            ? ' '
            : prefetchHits === 0
              ? t('dnsCache.prefetched.off')
              : t('dnsCache.prefetched.hint', { n: prefetchHits })
        }
        value={cache?.prefetched ?? missing}
      />
      <StatCard
        testId="cache-stale"
        title={t('dnsCache.stale')}
        hint={t('dnsCache.stale.hint')}
        value={cache?.stale ?? missing}
      />
    </section>
  )
}

function ratioText(nHits: number, nAsked: number): string {
  return nAsked === 0 ? '–' : formatPercent((nHits / nAsked) * 100)
}
