/** Which parts of the server are on, so that the dashboard shows no page of a part that is off. */

import { useQuery } from '@tanstack/react-query'
import { serverStatusQuery } from './status.ts'

export type ModuleName = 'dhcp' | 'dns'

/** Returns the modules that are on; until the server has answered, those that it usually has. */
export function useModules(): ReadonlySet<ModuleName> {
  const { data } = useQuery(serverStatusQuery)
  if (!data) return ASSUMED
  return data.sources.length > 0 || data.leases > 0 ? ASSUMED : NONE
}

const ASSUMED: ReadonlySet<ModuleName> = new Set(['dhcp'])
const NONE: ReadonlySet<ModuleName> = new Set()
