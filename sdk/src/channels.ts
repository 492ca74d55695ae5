/** Tells which channels a subscription covers. */

/**
 * Makes the test whether a pattern covers a channel.
 *
 * `*` stands for one segment that is not empty, a final `**` for one or more segments of any kind; so `dns/**` covers
 * `dns/log/`, whose last segment is empty, and `dns/*` does not.
 */
export function matcher(pattern: string): (channel: string) => boolean {
  if (!pattern.includes('*')) return (channel) => channel === pattern
  const parts = { '**': '.*', '*': '[^/]+' } as const
  const source = pattern.replace(
    /\*\*$|[^\w/]/g,
    (part) => parts[part as keyof typeof parts] ?? `\\${part}`,
  )
  const expression = new RegExp(`^${source}$`)
  return (channel) => expression.test(channel)
}
