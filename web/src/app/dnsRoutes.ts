/** Pages of DNS: a page more is a route in the list here and an entry in `pages.ts`. */

import { type AnyRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { cacheSearch } from '../features/dnsCache/cacheSearch.ts'
import { rootRoute } from './rootRoute.tsx'

const cacheRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns/cache',
  validateSearch: cacheSearch,
  component: lazyRouteComponent(
    () => import('../features/dnsCache/DnsCachePage.tsx'),
    'DnsCachePage',
  ),
})

const controlRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns/control',
  component: lazyRouteComponent(
    () => import('../features/dnsControl/DnsControlPage.tsx'),
    'DnsControlPage',
  ),
})

export const dnsRoutes = [cacheRoute, controlRoute] as const satisfies readonly AnyRoute[]
