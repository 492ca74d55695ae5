/** Blocks and allows single names by rules of one's own. */

import { request } from '../api.ts'

export type RuleAction = 'block' | 'allow'

export async function addRule(action: RuleAction, domain: string): Promise<void> {
  const body = { action, domain, source: 'logs' }
  await request('/api/v1/dns/rules', { method: 'POST', body })
}

export async function removeRule(action: RuleAction, domain: string): Promise<void> {
  await request(`/api/v1/dns/rules/${action}/${encodeURIComponent(domain)}`, { method: 'DELETE' })
}
