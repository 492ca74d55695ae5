/** What holds on every page: the policy, the origin, the one connection, barriers. */

import { expect } from 'vitest'
import { barriers } from '../harness/axe.ts'
import { INSECURE_HOST } from '../harness/browser.ts'
import { lease } from '../harness/leaseFile.ts'
import { label, toneIs } from '../harness/page.ts'
import { pages } from '../harness/pages.ts'
import { scenario } from '../harness/scenario.ts'
import { looks, shoot, wear } from '../harness/screenshots.ts'
import { until } from '../harness/waiting.ts'

scenario('every page is clean in every look', async ({ server, browser }) => {
  server.leases.fill([lease(10), lease(11), lease(12, { hostname: '*' })])
  for (const { path, name } of pages) {
    const page = await browser.open(`${server.url}${path}`)
    await toneIs(page, 'live')
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    for (const look of looks) {
      await wear(page, look)
      expect(await barriers(page), `${path}, ${look.theme}, ${look.width}`).toEqual([])
      await shoot(page, `${name}-${look.theme}-${look.width}`)
    }
    await page.close()
  }
})

scenario(
  'eight tabs hold one connection, also without a secure context',
  async ({ server, browser }) => {
    const url = `http://${INSECURE_HOST}:${server.port}/`
    for (let n = 0; n < 8; n += 1) {
      const page = await browser.open(url)
      expect(await page.evaluate(() => isSecureContext)).toBe(false)
      await toneIs(page, 'live')
    }
    expect((await server.connections()).length).toBe(1)
    const opened = await server.streamsOpened()
    const page = browser.context.pages().at(-1)
    expect(await page?.evaluate(async () => (await fetch('api/v1/status')).status)).toBe(200)
    expect(await server.streamsOpened()).toBe(opened)
    for (const tab of browser.context.pages()) await tab.close()
    await until('no stream', async () => (await server.connections()).length === 0)
  },
)

scenario('the label says one of three words', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/`)
  await toneIs(page, 'live')
  expect(await label(page)).toBe('Live')
})
