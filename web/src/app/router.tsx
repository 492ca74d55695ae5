/** Paths of the dashboard and the page behind each; pages come as files of their own. */

import { createRoute, createRouter, lazyRouteComponent, redirect } from '@tanstack/react-router'
import { channelsSearch } from '../features/channels/channelsSearch.ts'
import { connectionsSearch } from '../features/connections/connectionsSearch.ts'
import { inspectorSearch } from '../features/inspector/inspectorSearch.ts'
import { leasesSearch } from '../features/leases/leasesSearch.ts'
import { basePath } from '../lib/api.ts'
import { queryClient } from '../lib/queryClient.ts'
import { serverStatusQuery } from '../lib/status.ts'
import { dnsRoutes } from './dnsRoutes.ts'
import { PageError } from './PageError.tsx'
import { rootRoute } from './rootRoute.tsx'

/** How long the start page waits for the server to say what it serves. */
const HOME_WAIT_MS = 1500

/** Opens the leases, or the overview on a server that watches no leases. */
const homeRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: async () => {
    const status = await Promise.race([
      queryClient.ensureQueryData(serverStatusQuery).catch(() => null),
      new Promise<null>((resolve) => setTimeout(() => resolve(null), HOME_WAIT_MS)),
    ])
    const hasLeases = status === null || status.sources.length > 0 || status.leases > 0
    throw redirect({ to: hasLeases ? '/leases' : '/overview', replace: true })
  },
})

const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/overview',
  component: lazyRouteComponent(
    () => import('../features/overview/OverviewPage.tsx'),
    'OverviewPage',
  ),
})

const leasesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/leases',
  validateSearch: leasesSearch,
  component: lazyRouteComponent(() => import('../features/leases/LeasesPage.tsx'), 'LeasesPage'),
})

const poolsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/pools',
  component: lazyRouteComponent(() => import('../features/pools/PoolsPage.tsx'), 'PoolsPage'),
})

const channelsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/hub/channels',
  validateSearch: channelsSearch,
  component: lazyRouteComponent(
    () => import('../features/channels/ChannelsPage.tsx'),
    'ChannelsPage',
  ),
})

const connectionsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/hub/connections',
  validateSearch: connectionsSearch,
  component: lazyRouteComponent(
    () => import('../features/connections/ConnectionsPage.tsx'),
    'ConnectionsPage',
  ),
})

const inspectorRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/hub/inspector',
  validateSearch: inspectorSearch,
  component: lazyRouteComponent(
    () => import('../features/inspector/InspectorPage.tsx'),
    'InspectorPage',
  ),
})

const metricsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/figures',
  component: lazyRouteComponent(() => import('../features/metrics/MetricsPage.tsx'), 'MetricsPage'),
})

const settingsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/settings',
  component: lazyRouteComponent(
    () => import('../features/settings/SettingsPage.tsx'),
    'SettingsPage',
  ),
})

const aboutRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/about',
  component: lazyRouteComponent(() => import('../features/about/AboutPage.tsx'), 'AboutPage'),
})

const routeTree = rootRoute.addChildren([
  homeRoute,
  overviewRoute,
  leasesRoute,
  poolsRoute,
  ...dnsRoutes,
  channelsRoute,
  connectionsRoute,
  inspectorRoute,
  metricsRoute,
  settingsRoute,
  aboutRoute,
])

export const router = createRouter({
  routeTree,
  basepath: basePath || '/',
  defaultPreload: 'intent',
  defaultErrorComponent: PageError,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
