/** The pages of the dashboard: where they are, how they are called, which module they belong to. */

import {
  Cable,
  ChartLine,
  DatabaseZap,
  Globe,
  Info,
  LayoutDashboard,
  ListFilter,
  type LucideIcon,
  Network,
  Radar,
  Radio,
  Rows3,
  ScrollText,
  Settings2,
  SlidersHorizontal,
  UsersRound,
} from 'lucide-react'
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
    path: '/dns',
    label: 'nav.dns',
    icon: Globe,
    group: 'nav.group.dns',
    key: 'd',
    module: 'dns',
    isInBar: false,
  },
  {
    path: '/dns/log',
    label: 'nav.dnsLog',
    icon: ScrollText,
    group: 'nav.group.dns',
    key: 'q',
    module: 'dns',
    isInBar: true,
  },
  {
    path: '/dns/lists',
    label: 'nav.dnsLists',
    icon: ListFilter,
    group: 'nav.group.dns',
    key: null,
    module: 'dns',
    isInBar: false,
  },
  {
    path: '/dns/clients',
    label: 'nav.dnsClients',
    icon: UsersRound,
    group: 'nav.group.dns',
    key: null,
    module: 'dns',
    isInBar: false,
  },
  {
    path: '/dns/cache',
    label: 'nav.dnsCache',
    icon: DatabaseZap,
    group: 'nav.group.dns',
    key: null,
    module: 'dns',
    isInBar: false,
  },
  {
    path: '/dns/control',
    label: 'nav.dnsControl',
    icon: SlidersHorizontal,
    group: 'nav.group.dns',
    key: null,
    module: 'dns',
    isInBar: false,
  },
  {
    path: '/hub/channels',
    label: 'nav.channels',
    icon: Radio,
    group: 'nav.group.hub',
    key: 'h',
    module: null,
    isInBar: false,
  },
  {
    path: '/hub/connections',
    label: 'nav.connections',
    icon: Cable,
    group: 'nav.group.hub',
    key: 'c',
    module: null,
    isInBar: false,
  },
  {
    path: '/hub/inspector',
    label: 'nav.inspector',
    icon: Radar,
    group: 'nav.group.hub',
    key: 'i',
    module: null,
    isInBar: false,
  },
  {
    // The server's own `/metrics` is for Prometheus.
    path: '/figures',
    label: 'nav.metrics',
    icon: ChartLine,
    group: 'nav.group.server',
    key: 'm',
    module: null,
    isInBar: false,
  },
  {
    path: '/settings',
    label: 'nav.settings',
    icon: Settings2,
    group: 'nav.group.server',
    key: 's',
    module: null,
    isInBar: false,
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
