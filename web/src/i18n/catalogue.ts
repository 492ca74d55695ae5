/** Puts the words of all parts together; each part keeps its own file. */

import { about } from './about.ts'
import { dns } from './dns.ts'
import { dnsCache } from './dnsCache.ts'
import { dnsClients } from './dnsClients.ts'
import { dnsControl } from './dnsControl.ts'
import { dnsLists } from './dnsLists.ts'
import { hub } from './hub.ts'
import { leases } from './leases.ts'
import { overview } from './overview.ts'
import { pools } from './pools.ts'
import { server } from './server.ts'
import { shell } from './shell.ts'
import { table } from './table.ts'

/** A text, or its forms by grammatical number, chosen by the parameter `n`. */
export type Message = string | { readonly one: string; readonly other: string }

const english = {
  ...shell,
  ...table,
  ...overview,
  ...leases,
  ...pools,
  ...dns,
  ...hub,
  ...dnsCache,
  ...dnsClients,
  ...dnsControl,
  ...dnsLists,
  ...server,
  ...about,
}

/** Every key of the catalogue. */
export type MessageKey = keyof typeof english

export const catalogue: Readonly<Record<MessageKey, Message>> = english
