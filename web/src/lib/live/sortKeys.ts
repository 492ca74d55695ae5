/** Makes keys that compare by plain `<` the way people sort names and addresses. */

/** Longest run of digits that is padded; longer ones compare as text. */
const DIGITS_MAX = 15

/**
 * Returns a key by which `host-2` stands before `host-10`, whatever the letters' case and accents.
 *
 * A key is made once per row, so that sorting needs no collator call per comparison.
 */
export function naturalKey(text: string | null | undefined): string | null {
  if (!text) return null
  return text
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .toLowerCase()
    .replace(/\d+/g, (digits) => digits.replace(/^0+(?=\d)/, '').padStart(DIGITS_MAX, '0'))
}

/** Returns a key for an IPv4 or IPv6 address: by number, IPv4 before IPv6, what is neither last. */
export function addressKey(address: string): string {
  if (address.includes(':')) return `6${expandV6(address)}`
  const octets = address.split('.')
  if (octets.length !== 4) return `9${address}`
  return `4${octets.map((octet) => octet.padStart(3, '0')).join('')}`
}

/** Writes an IPv6 address with all its digits. */
function expandV6(address: string): string {
  const [head = '', tail] = address.split('::', 2)
  const groups = (part: string): string[] => (part ? part.split(':') : [])
  const left = groups(head)
  const right = tail === undefined ? [] : groups(tail)
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length)
  const all = [...left, ...Array.from({ length: missing }, () => '0'), ...right]
  return all.map((group) => group.padStart(4, '0').toLowerCase()).join('')
}
