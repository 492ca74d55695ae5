/** Paths of the dashboard and the page behind each; pages come as files of their own. */

import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
} from '@tanstack/react-router'
import { leasesSearch } from '../features/leases/leasesSearch.ts'
import { basePath } from '../lib/api.ts'
import { queryClient } from '../lib/queryClient.ts'
import { serverStatusQuery } from '../lib/status.ts'
import { NotFound, PageError } from './PageError.tsx'
import { Shell } from './shell/Shell.tsx'

/** How long the start page waits for the server to say what it serves. */
const HOME_WAIT_MS = 1500

const rootRoute = createRootRoute({ component: Shell, notFoundComponent: NotFound })

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
