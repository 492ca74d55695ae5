/** Tells which channels a subscription covers. */

/** Whether the name holds wildcards. */
export function isPattern(name: string): boolean {
  return name.includes('*')
}

/**
 * Makes the test whether a pattern covers a channel.
 *
 * `*` stands for one segment that is not empty, a final `**` for one or more segments of any kind; so `dns/**` covers
 * `dns/log/`, whose last segment is empty, and `dns/*` does not.
 */
export function matcher(pattern: string): (channel: string) => boolean {
  if (!isPattern(pattern)) return (channel) => channel === pattern
  const wanted = pattern.split('/')
  const isOpen = wanted.at(-1) === '**'
  if (isOpen) wanted.pop()
  return (channel) => {
    const found = channel.split('/')
    if (isOpen ? found.length <= wanted.length : found.length !== wanted.length) return false
    return wanted.every((part, i) => (part === '*' ? found[i] !== '' : part === found[i]))
  }
}
