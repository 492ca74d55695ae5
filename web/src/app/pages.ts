/** The pages of the dashboard: where they are, how they are called, which module they belong to. */

import { Info, LayoutDashboard, type LucideIcon, Network, Rows3 } from 'lucide-react'
import type { MessageKey } from '../lib/i18n.ts'
import type { ModuleName } from '../lib/modules.ts'

export interface PageEntry {
  readonly path: string
  readonly label: MessageKey
  readonly icon: LucideIcon
  /** Heading that the page stands under at the side; null stands on top. */
  readonly group: MessageKey | null
  /** Second key after `g`. */
  readonly key: string | null
  /** Module that must be on; null is always there. */
  readonly module: ModuleName | null
  /** Whether a phone shows it in the bar instead of under "More". */
  readonly isInBar: boolean
}

/** In the order of the side bar. */
export const pages: readonly PageEntry[] = [
  {
    path: '/overview',
    label: 'nav.overview',
    icon: LayoutDashboard,
    group: null,
    key: 'o',
    module: null,
    isInBar: true,
  },
  {
    path: '/leases',
    label: 'nav.leases',
    icon: Network,
    group: 'nav.group.dhcp',
    key: 'l',
    module: 'dhcp',
    isInBar: true,
  },
  {
    path: '/pools',
    label: 'nav.pools',
    icon: Rows3,
    group: 'nav.group.dhcp',
    key: 'p',
    module: 'dhcp',
    isInBar: true,
  },
  {
    path: '/about',
    label: 'nav.about',
    icon: Info,
    group: 'nav.group.server',
    key: null,
    module: null,
    isInBar: false,
  },
]
