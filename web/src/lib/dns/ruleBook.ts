/** Rules of one's own, local names, groups and clients: everything but the lists. */

import { queryOptions } from '@tanstack/react-query'
import * as z from 'zod/mini'
import { getJson, request } from '../api.ts'
import { useRefetchOn } from '../refetchOn.ts'
import { type IgnoredLine, ignoredLines } from './lists.ts'

/** What every query here begins with, so that one event refreshes them. */
const BOOK = ['dns', 'book'] as const

/** Refetches what is shown of the rule book when somebody changes it elsewhere. */
export function useRuleBookChanges(): void {
  useRefetchOn('dns/rules', BOOK)
}

const rule = z.object({
  action: z.enum(['block', 'allow']),
  domain: z.string(),
  added_at: z.string(),
  source: z.string(),
  reason: z.optional(z.nullable(z.string())),
  category: z.optional(z.nullable(z.string())),
})

export type DnsRule = z.infer<typeof rule>

export const rulesQuery = queryOptions({
  queryKey: [...BOOK, 'rules'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/rules',
      (value) =>
        z
          .object({ rules: z.array(rule), trouble: z.optional(z.nullable(z.string())) })
          .parse(value),
      signal,
    ),
})

export async function addRule(
  body: Pick<DnsRule, 'action' | 'domain'> & { readonly reason?: string },
): Promise<void> {
  await request('/api/v1/dns/rules', { method: 'POST', body: { ...body, source: 'manual' } })
}

export async function removeRule({ action, domain }: DnsRule): Promise<void> {
  const path = `/api/v1/dns/rules/${action}/${encodeURIComponent(domain)}`
  await request(path, { method: 'DELETE' })
}

const rulesText = z.object({
  text: z.string(),
  rules: z.number(),
  ignored: z.number(),
  ignored_lines: ignoredLines,
})

export interface RulesText {
  readonly text: string
  readonly rules: number
  readonly ignored: number
  readonly ignored_lines: readonly IgnoredLine[]
}

export const rulesTextQuery = queryOptions({
  queryKey: [...BOOK, 'text'] as const,
  queryFn: ({ signal }) =>
    getJson('/api/v1/dns/rules/text', (value): RulesText => rulesText.parse(value), signal),
})

export async function saveRulesText(text: string): Promise<RulesText> {
  const response = await request('/api/v1/dns/rules/text', { method: 'PUT', body: { text } })
  return rulesText.parse(await response.json())
}

const rewrite = z.object({
  id: z.nullable(z.number()),
  name: z.string(),
  type: z.string(),
  value: z.string(),
  origin: z.string(),
})

export type DnsRewrite = z.infer<typeof rewrite>

export const rewritesQuery = queryOptions({
  queryKey: [...BOOK, 'rewrites'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/rewrites',
      (value): readonly DnsRewrite[] =>
        z.object({ rewrites: z.array(rewrite) }).parse(value).rewrites,
      signal,
    ),
})

export async function addRewrite(body: {
  readonly name: string
  readonly value: string
  readonly type?: string
}): Promise<void> {
  await request('/api/v1/dns/rewrites', { method: 'POST', body })
}

export async function removeRewrite(id: number): Promise<void> {
  await request(`/api/v1/dns/rewrites/${id}`, { method: 'DELETE' })
}

const group = z.object({
  name: z.string(),
  filtered: z.boolean(),
  lists_off: z.array(z.number()),
  rules: z.string(),
  upstreams: z.nullable(z.string()),
  blocked_answer: z.nullable(z.string()),
  safe_search: z.array(z.string()),
  clients: z.number(),
  ignored_lines: z.optional(ignoredLines),
})

export type DnsGroup = z.infer<typeof group>

/** What of a group can be changed. */
export type GroupChange = Partial<Omit<DnsGroup, 'name' | 'clients' | 'ignored_lines'>>

export const groupsQuery = queryOptions({
  queryKey: [...BOOK, 'groups'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/groups',
      (value): readonly DnsGroup[] => z.object({ groups: z.array(group) }).parse(value).groups,
      signal,
    ),
})

export async function addGroup(body: { readonly name: string } & GroupChange): Promise<void> {
  await request('/api/v1/dns/groups', { method: 'POST', body })
}

export async function changeGroup(name: string, body: GroupChange): Promise<void> {
  await request(`/api/v1/dns/groups/${encodeURIComponent(name)}`, { method: 'PATCH', body })
}

/** Removes a group and returns it, so that it can be added again. */
export async function removeGroup(name: string): Promise<DnsGroup> {
  const path = `/api/v1/dns/groups/${encodeURIComponent(name)}`
  return group.parse(await (await request(path, { method: 'DELETE' })).json())
}

const dnsClient = z.object({
  id: z.number(),
  name: z.string(),
  addresses: z.array(z.string()),
  tags: z.array(z.string()),
  group: z.string(),
})

export type DnsClient = z.infer<typeof dnsClient>

/** What a client is made or changed by. */
export type ClientRequest = Omit<DnsClient, 'id'>

export const clientsQuery = queryOptions({
  queryKey: [...BOOK, 'clients'] as const,
  queryFn: ({ signal }) =>
    getJson(
      '/api/v1/dns/clients',
      (value): readonly DnsClient[] =>
        z.object({ clients: z.array(dnsClient) }).parse(value).clients,
      signal,
    ),
})

export async function addClient(body: ClientRequest): Promise<void> {
  await request('/api/v1/dns/clients', { method: 'POST', body })
}

export async function changeClient(id: number, body: Partial<ClientRequest>): Promise<void> {
  await request(`/api/v1/dns/clients/${id}`, { method: 'PATCH', body })
}

/** Removes a client and returns it, so that it can be added again. */
export async function removeClient(id: number): Promise<DnsClient> {
  const response = await request(`/api/v1/dns/clients/${id}`, { method: 'DELETE' })
  return dnsClient.parse(await response.json())
}

/** What the rule book's queries begin with, for refreshing them after a change of one's own. */
export const ruleBookKey: readonly string[] = BOOK
