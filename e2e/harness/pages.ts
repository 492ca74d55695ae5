/** The pages that are looked at: add a line for a new one. */

export interface PageUnderTest {
  readonly path: string
  /** Name of its pictures. */
  readonly name: string
}

export const pages: readonly PageUnderTest[] = [
  { path: '/overview', name: 'overview' },
  { path: '/leases', name: 'leases' },
  { path: '/pools', name: 'pools' },
  { path: '/hub/channels', name: 'channels' },
  { path: '/hub/channels?view=tree', name: 'channels-tree' },
  { path: '/hub/connections', name: 'connections' },
  { path: '/hub/inspector?from=tail20', name: 'inspector' },
  { path: '/figures', name: 'metrics' },
  { path: '/settings', name: 'settings' },
  { path: '/about', name: 'about' },
]
