/** What a person does on the page of leases, while leases come and go. */

import { readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { barriers } from '../harness/axe.ts'
import type { Browser } from '../harness/browser.ts'
import { CPU_SHARE_MAX, easeOf, TASK_MS_MAX } from '../harness/ease.ts'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { shoot } from '../harness/screenshots.ts'
import type { Tidings } from '../harness/tidings.ts'

/** Opens the leases and waits until so many are shown. */
async function openLeases(
  browser: Browser,
  url: string,
  count: number,
  search = '',
): Promise<Page> {
  const page = await browser.open(`${url}/leases${search}`)
  await toneIs(page, 'live')
  await page.getByTestId('lease-count').getByText(String(count)).waitFor()
  return page
}

/** Returns the row of an address. */
function row(page: Page, address: string) {
  return page.getByTestId('lease-row').filter({ has: page.getByText(address, { exact: true }) })
}

function addresses(page: Page): Promise<string[]> {
  return page.getByTestId('lease-ip').allTextContents()
}

function fill(server: Tidings, count: number): void {
  server.leases.fill(Array.from({ length: count }, (_, n) => lease(n + 1)))
}

scenario(
  'leases come green, change blue, are renewed without a mark, and go red',
  async ({ server, browser }) => {
    fill(server, 3)
    const page = await openLeases(browser, server.url, 3)
    server.leases.put(lease(9))
    await row(page, '192.0.2.9').and(page.locator('[data-flash=added]')).waitFor()
    server.leases.put(lease(2, { hostname: 'renamed' }))
    await row(page, '192.0.2.2').and(page.locator('[data-flash=updated]')).waitFor()
    await page.getByText('renamed', { exact: true }).waitFor()
    await page.locator('[data-id$="192.0.2.2"]:not([data-flash])').waitFor()
    server.leases.put(
      lease(2, { hostname: 'renamed', expiresAt: Math.floor(Date.now() / 1000) + 90_000 }),
    )
    await row(page, '192.0.2.2').getByText('1d 0h').waitFor()
    expect(await row(page, '192.0.2.2').getAttribute('data-flash')).toBeNull()
    server.leases.remove('192.0.2.9')
    await row(page, '192.0.2.9').and(page.locator('[data-flash=removed]')).waitFor()
    await row(page, '192.0.2.9').waitFor({ state: 'detached' })
    await page.getByTestId('lease-count').getByText('3 leases').waitFor()
  },
)

scenario(
  'rows stay under the pointer, and the pill lets in what waits',
  async ({ server, browser }) => {
    fill(server, 6)
    const page = await openLeases(browser, server.url, 6, '?sort=hostname.asc')
    const before = await addresses(page)
    await page.getByTestId('lease-row').nth(2).hover()
    server.leases.put(lease(20, { hostname: 'aaa-first' }), lease(6, { hostname: 'aab-moved' }))
    server.leases.remove('192.0.2.1')
    await page.getByTestId('new-pill').getByText('1 new').waitFor()
    await page.getByText('aab-moved').waitFor()
    expect(await addresses(page)).toEqual(before)
    expect(await row(page, '192.0.2.1').getAttribute('data-ghost')).toBe('true')
    await shoot(page, 'leases-held')
    await page.getByTestId('new-pill').click()
    await row(page, '192.0.2.20').waitFor()
    expect((await addresses(page)).slice(0, 2)).toEqual(['192.0.2.20', '192.0.2.6'])
    expect(await row(page, '192.0.2.1').count()).toBe(0)
  },
)

scenario(
  'a search without a match keeps its box, and the URL keeps the search',
  async ({ server, browser }) => {
    fill(server, 12)
    const page = await openLeases(browser, server.url, 12)
    const box = page.getByTestId('lease-search-input')
    await page.keyboard.press('/')
    await page.keyboard.type('device-1')
    await page.getByText('Showing 4 of 12 leases').waitFor()
    await page.getByTestId('sort-hostname').click()
    await page.reload()
    await page.getByText('Showing 4 of 12 leases').waitFor()
    expect(await box.inputValue()).toBe('device-1')
    expect(await page.locator('[aria-sort=ascending]').textContent()).toContain('Hostname')
    await box.fill('no such thing')
    await page.getByTestId('lease-table-no-match').waitFor()
    expect(await barriers(page)).toEqual([])
    await shoot(page, 'leases-no-match')
    await page.getByTestId('lease-search-clear').click()
    await page.getByText('12 leases').waitFor()
    await page.goBack()
    await page.goto(`${server.url}/leases`)
    await page.locator('[aria-sort=ascending]').getByText('Hostname').waitFor()
  },
)

scenario('a paused table stands still and counts', async ({ server, browser }) => {
  fill(server, 4)
  const page = await openLeases(browser, server.url, 4)
  await page.getByTestId('pause').click()
  await page.getByTestId('paused').waitFor()
  server.leases.put(lease(1, { hostname: 'changed' }), lease(30))
  await page.getByTestId('paused').getByText('2 changes since').waitFor()
  expect(await page.getByText('changed', { exact: true }).count()).toBe(0)
  expect(page.url()).toContain('paused=')
  await page.getByTestId('pause').click()
  await page.getByText('changed', { exact: true }).waitFor()
  await row(page, '192.0.2.30').waitFor()
})

scenario(
  'the keyboard alone reaches everything, and Escape goes back step by step',
  async ({ server, browser }) => {
    fill(server, 5)
    const page = await openLeases(browser, server.url, 5, '?sort=ip_address.asc')
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('x')
    await page.getByTestId('selection-bar').waitFor()
    await page.keyboard.press('Enter')
    const drawer = page.getByTestId('lease-drawer')
    await drawer.getByText('dhcp-host=02:00:5e:00:00:02,192.0.2.2,device-2').waitFor()
    expect(await barriers(page)).toEqual([])
    await shoot(page, 'lease-drawer')
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'detached' })
    await page.keyboard.press('Escape')
    await page.getByTestId('selection-bar').waitFor({ state: 'detached' })
    await page.keyboard.press('g')
    await page.keyboard.press('o')
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    await page.keyboard.press('Control+k')
    await page.getByPlaceholder('Page, action, address').fill('192.0.2.4')
    await page.getByRole('option', { name: 'device-4' }).waitFor()
    expect(await barriers(page)).toEqual([])
    await shoot(page, 'palette')
    await page.keyboard.press('Enter')
    await drawer.getByText('device-4').first().waitFor()
  },
)

scenario(
  'what happened while the server was away is there at once, nothing twice',
  async ({ server, proxy, browser }) => {
    fill(server, 8)
    const page = await openLeases(browser, proxy.url, 8)
    proxy.refuse()
    await page.getByTestId('not-live').waitFor()
    await page.getByTestId('sse-banner').waitFor()
    expect(await page.getByTestId('lease-row').count()).toBe(8)
    server.leases.put(lease(40), lease(41), lease(3, { hostname: 'meanwhile' }))
    server.leases.remove('192.0.2.1')
    await expect.poll(async () => (await server.json<unknown[]>('/api/v1/leases')).length).toBe(9)
    proxy.admit()
    await toneIs(page, 'live')
    await page.getByTestId('lease-count').getByText('9 leases').waitFor()
    await page.getByText('meanwhile').waitFor()
    await row(page, '192.0.2.1').waitFor({ state: 'detached' })
    const shown = await addresses(page)
    expect(new Set(shown).size).toBe(shown.length)
    expect(await page.getByTestId('not-live').count()).toBe(0)
  },
)

scenario('an exported name is never a formula', async ({ server, browser }) => {
  server.leases.fill([lease(1, { hostname: '-1+cmd' }), lease(2)])
  const page = await openLeases(browser, server.url, 2)
  await page.getByRole('button', { name: 'Export' }).click()
  const [file] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('menuitem', { name: 'CSV, 2 rows' }).click(),
  ])
  const text = readFileSync(await file.path(), 'utf8')
  expect(text).toContain(",'-1+cmd,")
  expect(text.trim().split('\r\n')).toHaveLength(3)
})

scenario(
  'a phone of 320 pixels needs no sideways scroll, and stillness is kept',
  async ({ server, browser }) => {
    fill(server, 20)
    const page = await openLeases(browser, server.url, 20)
    await page.setViewportSize({ width: 320, height: 640 })
    for (const path of ['/overview', '/leases', '/pools', '/about']) {
      await page.goto(`${server.url}${path}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      expect(overflow, path).toBeLessThanOrEqual(0)
    }
    await page.emulateMedia({ reducedMotion: 'reduce', forcedColors: 'active' })
    await page.goto(`${server.url}/leases`)
    await toneIs(page, 'live')
    server.leases.put(
      lease(1, { hostname: 'still', expiresAt: Math.floor(Date.now() / 1000) + 99_000 }),
    )
    const mark = page.locator('.flash').first()
    await mark.waitFor()
    expect(await mark.evaluate((node) => getComputedStyle(node).animationName)).toBe('flash-hold')
    await shoot(page, 'leases-forced-colours')
  },
)

const ROWS = 10_000
const EVENTS_PER_SECOND = 100

scenario(
  '10,000 leases at 100 events a second leave the page at ease',
  async ({ server, browser }) => {
    server.leases.fill(Array.from({ length: ROWS }, (_, n) => lease(n + 300)))
    await expect
      .poll(async () => (await server.json<{ leases: number }>('/api/v1/status')).leases, {
        timeout: 30_000,
      })
      .toBe(ROWS)
    const page = await browser.open(`${server.url}/leases`)
    await toneIs(page, 'live')
    await page.getByTestId('lease-count').getByText('10,000').waitFor()
    const leases = await server.json<Record<string, unknown>[]>('/api/v1/leases')

    let version = 1_000_000
    const change = () => {
      const wire = { ...leases[version % ROWS], hostname: `name-${version}` }
      version += 1
      const data = { event_type: 'lease_updated', change_type: 'updated', lease: wire, version }
      return { channel: 'dhcp/leases/changes', type: 'lease_updated', data }
    }
    const publish = () =>
      server.json('/api/sse/events', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(Array.from({ length: EVENTS_PER_SECOND / 10 }, change)),
      })
    const pump = setInterval(() => void publish().catch(() => undefined), 100)
    try {
      await page
        .getByText(/^name-1000\d+$/)
        .first()
        .waitFor({ state: 'attached' })
        .catch(() => null)
      const { share, tasks } = await easeOf(page, 5000)
      expect(share).toBeLessThan(CPU_SHARE_MAX)
      expect(tasks.filter((duration) => duration > TASK_MS_MAX)).toEqual([])
    } finally {
      clearInterval(pump)
    }
  },
)
