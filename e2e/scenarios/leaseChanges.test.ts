/** The lease page: changes are seen at once, marked, and right over an outage. */

import { expect } from 'vitest'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { shoot } from '../harness/screenshots.ts'
import type { Tidings } from '../harness/tidings.ts'
import { until } from '../harness/waiting.ts'

async function addresses(server: Tidings): Promise<readonly string[]> {
  const leases = await server.json<{ ip_address: string }[]>('/api/v1/leases')
  return leases.map((one) => one.ip_address).sort()
}

scenario(
  'a lease that comes is green, one that changes blue, one that goes red',
  async ({ server, browser }) => {
    server.leases.fill([lease(10), lease(11)])
    const page = await browser.open(`${server.url}/leases`)
    await toneIs(page, 'live')
    const row = page.getByTestId('lease-row')
    await expect.poll(() => row.count()).toBe(2)
    const marked = (kind: string, text: string) =>
      page
        .locator(`[data-testid=lease-row][data-flash=${kind}]`)
        .filter({ hasText: text })
        .waitFor()

    const added = marked('added', '192.0.2.20')
    server.leases.put(lease(20))
    await added
    await shoot(page, 'leases-added')
    const updated = marked('updated', 'renamed')
    server.leases.put(lease(10, { hostname: 'renamed' }))
    await updated
    const removed = marked('removed', '192.0.2.11')
    server.leases.remove('192.0.2.11')
    await removed
    await row.filter({ hasText: '192.0.2.11' }).waitFor({ state: 'detached' })
    expect(await page.getByTestId('lease-count').textContent()).toBe('2 leases')
  },
)

scenario(
  'changes of an outage are there when it is over, and nothing twice',
  async ({ server, browser }) => {
    server.leases.fill([lease(10), lease(11), lease(12)])
    const page = await browser.open(`${server.url}/leases`)
    await toneIs(page, 'live')
    const row = page.getByTestId('lease-row')
    await expect.poll(() => row.count()).toBe(3)

    await server.kill()
    await toneIs(page, 'connecting')
    expect(await row.count(), 'rows stay').toBe(3)
    server.leases.put(lease(30), lease(31))
    server.leases.remove('192.0.2.12')
    await server.restart()
    await toneIs(page, 'live')
    await row.filter({ hasText: '192.0.2.31' }).waitFor()
    await row.filter({ hasText: '192.0.2.12' }).waitFor({ state: 'detached' })
    const shown = async () => (await page.getByTestId('lease-ip').allTextContents()).sort()
    const expected = await addresses(server)
    await until('the page shows what REST says', async () => {
      return (await shown()).join() === expected.join()
    })
    expect(new Set(await shown()).size).toBe(expected.length)
  },
)

scenario('what is dropped on the way is replayed', async ({ server, proxy, browser }) => {
  server.leases.fill([lease(10)])
  const page = await browser.open(`${proxy.url}/leases`)
  await toneIs(page, 'live')
  proxy.refuse()
  await toneIs(page, 'connecting')
  server.leases.put(...Array.from({ length: 20 }, (_, n) => lease(40 + n)))
  await until('the server has them', async () => (await addresses(server)).length === 21)
  proxy.admit()
  await toneIs(page, 'live')
  await expect.poll(() => page.getByTestId('lease-count').textContent()).toBe('21 leases')
})
