/** A lease of a real dnsmasq, from its grant to its release, in a real browser. */

import { expect } from 'vitest'
import { DhcpServer, whyNoDhcp } from '../harness/dhcp.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { Tidings } from '../harness/tidings.ts'

scenario(
  'a lease flashes green when it is granted and red when it is released',
  async ({ browser, skip }) => {
    const why = whyNoDhcp()
    if (why !== null) {
      console.log(`skipped: ${why}`)
      skip(why)
    }
    const dhcp = await DhcpServer.start()
    const server = await Tidings.start({
      hasLeases: false,
      args: ['--dnsmasq-conf', dhcp.configPath],
    })
    try {
      const page = await browser.open(`${server.url}/leases`)
      await toneIs(page, 'live')
      const row = page.getByTestId('lease-row').filter({ hasText: 'visitor' })
      // The marks go after a second or two, so they are noted when they come.
      const added = row.and(page.locator('[data-flash=added]')).waitFor()
      const client = await dhcp.client('02:00:5e:00:53:01', 'visitor')
      await added
      expect(await row.getByTestId('lease-ip').textContent()).toBe(await client.waitFor('bound'))

      const removed = row.and(page.locator('[data-flash=removed]')).waitFor()
      client.release()
      await removed
      await row.waitFor({ state: 'detached' })
    } finally {
      await server.close()
      dhcp.close()
    }
  },
)
