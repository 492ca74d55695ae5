/** Words of the page of pools. */

export const pools = {
  'pools.title': 'Pools',
  'pools.subtitle': 'How full the address ranges are, and which addresses are taken.',
  'pools.failed': 'Failed to load the pools',
  'pools.empty': 'No pools found',
  'pools.empty.hint':
    'A pool comes from a dhcp-range line. Name the configuration of your DHCP server with --dnsmasq-conf.',
  'pools.range': '{start} – {end}',
  'pools.used': '{used} of {n} used',
  'pools.free': { one: '{n} address free', other: '{n} addresses free' },
  'pools.duration': 'Leases last {time}',
  'pools.duration.infinite': 'Leases never end',
  'pools.usage': 'Usage of {pool}',
  'pools.full': 'Nearly full',
  'pools.next': 'Next free',
  'pools.next.none': 'none',
  'pools.leases': 'Show leases',
  'pools.strip':
    'Addresses of {pool}: {used} leased, {reserved} reserved, {expired} expired, {free} free',
  'pools.strip.table': 'Addresses in use as a table',
  'pools.strip.many': 'One cell is {n} addresses.',
  'pools.strip.too': 'The range is too large to draw.',
  'pools.cell.free': 'Free',
  'pools.cell.leased': 'Leased',
  'pools.cell.reserved': 'Reserved',
  'pools.cell.expired': 'Expired',
  'pools.cell.other': 'Declined',
  'pools.table.address': 'Address',
  'pools.table.name': 'Name',
  'pools.table.state': 'State',
  'pools.table.more': 'The first {n} are shown.',
} as const
