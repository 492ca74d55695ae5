/** The same question for a terminal. */

import type { DnsLoggedQuery } from 'tidings'

/** Characters that a shell takes for themselves. */
const PLAIN = /^[\w.:-]+$/

/**
 * Returns a `dig` line that asks the resolver the same.
 *
 * `address` is one that the resolver listens on; where that is every address, `host` is taken.
 */
export function digCommand(
  { name, type }: Pick<DnsLoggedQuery, 'name' | 'type'>,
  address: string | undefined,
  host: string,
): string {
  const [, listened = '', port = ''] = /^\[?([^\]]*)\]?:(\d+)$/.exec(address ?? '') ?? []
  const isEverywhere = listened === '0.0.0.0' || listened === '::'
  const server = isEverywhere || listened === '' ? host : listened
  const parts = ['dig', `@${server}`]
  if (port !== '' && port !== '53') parts.push('-p', port)
  const asked = name === '' ? '.' : name
  return [...parts, PLAIN.test(asked) ? asked : `'${asked.replaceAll("'", '')}'`, type].join(' ')
}
