/** Words of DNS: the section, its overview and the query log. */

export const dns = {
  'nav.group.dns': 'DNS',
} as const
