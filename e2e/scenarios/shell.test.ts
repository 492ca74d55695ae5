/** What holds on every page: the one connection, its label, the offer of a new build. */

import { expect } from 'vitest'
import { INSECURE_HOST } from '../harness/browser.ts'
import { label, toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { until } from '../harness/waiting.ts'

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

scenario('a server with another build of the page offers it', async ({ server, browser }) => {
  const page = await browser.context.newPage()
  // The page was loaded from a server that has been replaced since.
  await page.route(`${server.url}/about`, async (route) => {
    const response = await route.fetch()
    const body = (await response.text()).replace(/(tidings-dashboard" content=")\w+/, '$1older')
    await route.fulfill({ response, body })
  })
  await page.goto(`${server.url}/about`)
  const bar = page.getByTestId('deployment.banner')
  await bar.getByText('new version of this page').waitFor()
  await page.unroute(`${server.url}/about`)
  await page.getByTestId('deployment.banner.reload').click()
  await bar.waitFor({ state: 'detached' })
  await toneIs(page, 'live')
  // The bar comes with a state of the stream, which has been told when the page is live.
  await page.getByRole('heading', { level: 1 }).waitFor()
  expect(await bar.count()).toBe(0)
})
