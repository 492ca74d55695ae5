/** Pages of DNS: a page more is a route in the list here and an entry in `pages.ts`. */

import type { AnyRoute } from '@tanstack/react-router'

export const dnsRoutes = [] as const satisfies readonly AnyRoute[]
