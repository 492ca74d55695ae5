/** Which parts of the server are on, so that the dashboard shows no page of a part that is off. */

import { useQuery } from '@tanstack/react-query'
import { serverStatusQuery } from './status.ts'

export type ModuleName = 'dhcp' | 'dns'

/** Returns the modules that are on; until the server has answered, those that it usually has. */
export function useModules(): ReadonlySet<ModuleName> {
  const { data } = useQuery(serverStatusQuery)
  const { dhcp = true, dns = false } = data?.modules ?? {}
  return SETS[`${dhcp}-${dns}`]
}

/** One object each, so that readers are not drawn anew for nothing. */
const SETS: Readonly<Record<`${boolean}-${boolean}`, ReadonlySet<ModuleName>>> = {
  'true-true': new Set<ModuleName>(['dhcp', 'dns']),
  'true-false': new Set<ModuleName>(['dhcp']),
  'false-true': new Set<ModuleName>(['dns']),
  'false-false': new Set<ModuleName>(),
}
