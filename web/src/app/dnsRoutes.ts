/** Pages of DNS: a page more is a route in the list here and an entry in `pages.ts`. */

import { type AnyRoute, createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { dnsSearch } from '../features/dns/dnsSearch.ts'
import { cacheSearch } from '../features/dnsCache/cacheSearch.ts'
import { listsSearch } from '../features/dnsLists/listsSearch.ts'
import { dnsLogSearch } from '../features/dnsLog/dnsLogSearch.ts'
import { rootRoute } from './rootRoute.tsx'

const overviewRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns',
  validateSearch: dnsSearch,
  component: lazyRouteComponent(() => import('../features/dns/DnsPage.tsx'), 'DnsPage'),
})

const logRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns/log',
  validateSearch: dnsLogSearch,
  component: lazyRouteComponent(() => import('../features/dnsLog/DnsLogPage.tsx'), 'DnsLogPage'),
})

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

const listsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns/lists',
  validateSearch: listsSearch,
  component: lazyRouteComponent(
    () => import('../features/dnsLists/DnsListsPage.tsx'),
    'DnsListsPage',
  ),
})

const clientsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/dns/clients',
  component: lazyRouteComponent(
    () => import('../features/dnsClients/DnsClientsPage.tsx'),
    'DnsClientsPage',
  ),
})

export const dnsRoutes = [
  overviewRoute,
  logRoute,
  listsRoute,
  clientsRoute,
  cacheRoute,
  controlRoute,
] as const satisfies readonly AnyRoute[]
