/** Finds what the palette offers for what was typed. */

import { useNavigate } from '@tanstack/react-router'
import {
  Keyboard,
  type LucideIcon,
  MonitorSmartphone,
  Plug,
  ScrollText,
  SunMoon,
  WandSparkles,
} from 'lucide-react'
import { client } from '../../lib/client.ts'
import { t } from '../../lib/i18n.ts'
import { leaseStore } from '../../lib/leases/leaseStore.ts'
import { useModules } from '../../lib/modules.ts'
import { simulateChange, useIsDemo } from '../../lib/simulate.ts'
import { cycleTheme } from '../../lib/theme.ts'
import { pages } from '../pages.ts'

/** Most leases that are offered at once. */
const LEASES_MAX = 8

export interface Command {
  readonly id: string
  readonly label: string
  readonly detail?: string
  readonly icon: LucideIcon
  readonly run: () => void
}

export interface CommandGroup {
  readonly title: string
  readonly items: readonly Command[]
}

export function useCommands(query: string, onKeys: () => void): readonly CommandGroup[] {
  const navigate = useNavigate()
  const modules = useModules()
  const isDemo = useIsDemo()
  const wanted = query.trim().toLowerCase()

  const toPages = pages
    .filter((page) => page.module === null || modules.has(page.module))
    .map((page) => ({
      id: page.path,
      label: t(page.label),
      icon: page.icon,
      run: () => void navigate({ to: page.path }),
    }))
  const actions: Command[] = [
    { id: 'theme', label: t('palette.theme'), icon: SunMoon, run: cycleTheme },
    { id: 'keys', label: t('palette.keys'), icon: Keyboard, run: onKeys },
    { id: 'reconnect', label: t('palette.reconnect'), icon: Plug, run: () => client.reconnect() },
  ]
  if (isDemo) {
    const run = (): void => void simulateChange().catch(() => undefined)
    actions.push({ id: 'simulate', label: t('palette.simulate'), icon: WandSparkles, run })
  }
  const matches = (command: Command): boolean => command.label.toLowerCase().includes(wanted)
  const open = (id: string): void => void navigate({ to: '/leases', search: { lease: id } })
  if (wanted && modules.has('dns')) {
    const filter = query.trim()
    actions.push({
      id: 'queries',
      label: t('palette.queries', { text: filter }),
      icon: ScrollText,
      run: () => void navigate({ to: '/dns/log', search: { filter } }),
    })
  }
  const groups: CommandGroup[] = [
    { title: t('palette.group.pages'), items: toPages.filter(matches) },
    { title: t('palette.group.actions'), items: actions.filter(matches) },
    { title: t('palette.group.leases'), items: wanted ? findLeases(wanted, open) : [] },
  ]
  return groups.filter((group) => group.items.length > 0)
}

function findLeases(wanted: string, open: (id: string) => void): readonly Command[] {
  const found: Command[] = []
  for (const lease of leaseStore.rows.values()) {
    if (!lease.searchText.includes(wanted)) continue
    found.push({
      id: lease.id,
      label: lease.wire.hostname ?? t('common.unknown'),
      detail: lease.wire.ip_address,
      icon: MonitorSmartphone,
      run: () => open(lease.id),
    })
    if (found.length === LEASES_MAX) break
  }
  return found
}
