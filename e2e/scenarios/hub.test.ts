/** The pages of the hub: what is published is seen, counted, replayed, and can be ended. */

import { expect } from 'vitest'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { until } from '../harness/waiting.ts'

scenario(
  'the inspector publishes, shows what comes, and goes back in time',
  async ({ server, browser }) => {
    const page = await browser.open(`${server.url}/hub/inspector?channels=orders/**`)
    await toneIs(page, 'live')
    await page.getByTestId('publish-channel').fill('orders/42')
    await page.getByTestId('publish-type').fill('order_paid')
    await page.getByTestId('publish-data').fill('{"amount": 5}')
    await until('the pattern is followed', async () =>
      (await server.connections()).some(({ channels }) => channels.includes('orders/**')),
    )
    await page.getByTestId('publish-send').click()
    const row = page.getByTestId('event-row').filter({ hasText: 'order_paid' })
    await row.waitFor()
    expect(await page.getByTestId('publish-outcome').textContent()).toContain('Sent to 1 stream')

    await server.publish('orders/42', 'order_paid', { amount: 6 })
    await server.publish('other/1', 'note', 1)
    await expect.poll(() => row.count()).toBe(2)
    await row.first().click()
    const details = page.getByTestId('event-details')
    expect(await details.textContent()).toContain('"amount": 6')
    await details.getByRole('button', { name: 'Diff' }).click()
    const diff = (await details.locator('pre').textContent()) ?? ''
    expect(diff).toContain('-   "amount": 5')
    expect(diff).toContain('+   "amount": 6')

    // A start in the past has a stream of its own, which ends with the look into the past.
    const position = await server.publish('orders/43', 'order_paid', { amount: 7 })
    await page.goto(`${server.url}/hub/inspector?channels=orders/**&from=tail20`)
    await expect.poll(() => row.count()).toBe(3)
    await page.goto(`${server.url}/hub/inspector?channels=orders/**&from=after:${position}`)
    await toneIs(page, 'live')
    await server.publish('orders/44', 'order_paid', { amount: 8 })
    await page.getByTestId('event-row').filter({ hasText: 'orders/44' }).waitFor()
    expect(await row.count()).toBe(1)
  },
)

scenario('the inspector shows what a stream says of itself', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/hub/inspector?channels=orders/**`)
  await toneIs(page, 'live')
  const streams = (await server.connections()).length
  await page.getByTestId('inspector-frames').click()
  const rows = page.getByTestId('event-row')
  await rows.filter({ hasText: 'ready' }).waitFor()
  await rows.filter({ hasText: 'connected' }).waitFor()
  expect(page.url()).toContain('frames=true')
  await server.waitForStreams(streams + 1)
  await server.publish('orders/42', 'order_paid', { amount: 5 })
  await rows.filter({ hasText: 'order_paid' }).waitFor()
  expect(await rows.first().textContent()).toContain('order_paid')
  await rows.filter({ hasText: 'ready' }).click()
  await page.getByTestId('event-details').getByRole('button', { name: 'Raw' }).click()
  const wire = await page.getByTestId('event-details').locator('pre').textContent()
  expect(wire).toBe('event: ready\ndata: {"channels":["orders/**"]}')
  await page.getByTestId('inspector-frames').click()
  await server.waitForStreams(streams)
})

scenario('a pattern that is none is said and never asked for', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/hub/inspector`)
  await toneIs(page, 'live')
  await page.getByTestId('inspector-channels').fill('a/**/b')
  await page.getByTestId('inspector-channels').press('Enter')
  await page.getByText('Not a channel or pattern.').waitFor()
  await toneIs(page, 'live')
})

scenario('channels are counted, found, and shown as a tree', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/hub/channels`)
  await toneIs(page, 'live')
  for (let n = 0; n < 5; n += 1) await server.publish(`orders/${n}`, 'note', { n })
  const row = page.getByTestId('channel-row')
  await row.filter({ hasText: 'orders/4' }).waitFor()
  await page.getByTestId('channels-search').fill('orders/')
  await expect.poll(() => row.count()).toBe(5)
  expect(new URL(page.url()).searchParams.get('q')).toContain('orders/')
  await page.getByRole('button', { name: 'Tree' }).click()
  const branch = page.getByRole('button', { name: 'Channels below orders' })
  await branch.waitFor()
  expect(await page.getByTitle('Inspect orders/3').count()).toBe(1)
  await branch.click()
  expect(await page.getByTitle('Inspect orders/3').count()).toBe(0)
})

scenario('a stream is shown and can be ended', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/hub/connections`)
  await toneIs(page, 'live')
  const abort = new AbortController()
  const other = await fetch(`${server.url}/api/sse/stream?channels=orders/**`, {
    signal: abort.signal,
  })
  const row = page.getByTestId('connection-row').filter({ hasText: 'orders/**' })
  await row.waitFor()
  await row.getByRole('button', { name: /End the stream/ }).click()
  await page.getByTestId('kick').and(page.locator(':visible')).click()
  // The pointer is in the table, so the row stays as one that is gone.
  await row.and(page.locator('[data-ghost]')).waitFor()
  expect(await other.text()).toContain('"reason":"kicked"')
  await toneIs(page, 'live')
})

scenario('settings say where they come from', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/settings`)
  const setting = (key: string) => page.locator(`[data-testid=setting][data-key="${key}"]`)
  await setting('data').waitFor()
  expect(await setting('data').textContent()).toContain('--data')
  expect(await setting('hub.keep_alive').textContent()).toContain('default')
  await page.getByRole('button', { name: 'Not default' }).click()
  expect(await setting('hub.keep_alive').count()).toBe(0)
  expect(await setting('data').count()).toBe(1)
})

scenario('figures become lines', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/figures`)
  await toneIs(page, 'live')
  await page.locator('[data-testid=chart-streams] canvas').waitFor()
  const text = await page.getByTestId('chart-streams').textContent()
  expect(text).toMatch(/open\s*1/)
  await server.publish('a', 'note', 1)
  await page.getByTestId('chart-published').locator('canvas').waitFor()
})
