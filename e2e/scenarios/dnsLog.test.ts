/** The pages of DNS: a question is seen as it comes, found, blocked, and counted. */

import type { Page } from 'playwright-core'
import { afterEach, describe, expect } from 'vitest'
import { barriers } from '../harness/axe.ts'
import type { Browser } from '../harness/browser.ts'
import { DnsClient, LAB_CONFIG } from '../harness/dnsClient.ts'
import { CPU_SHARE_MAX, easeOf, TASK_MS_MAX } from '../harness/ease.ts'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { looks, shoot, wear } from '../harness/screenshots.ts'
import type { Tidings } from '../harness/tidings.ts'
import { until } from '../harness/waiting.ts'

/** Response codes. */
const NOERROR = 0
const NXDOMAIN = 3

describe('with the resolver on', () => {
  scenario.override('options', { config: LAB_CONFIG })
  let dns: DnsClient | null = null
  afterEach(() => {
    dns?.close()
    dns = null
  })

  async function start(server: Tidings): Promise<DnsClient> {
    dns = await DnsClient.of(server)
    return dns
  }

  scenario(
    'a query is there as it happens, and is filtered on the server',
    async ({ server, browser }) => {
      const client = await start(server)
      server.leases.put(lease(7, { ip: '127.0.0.1', hostname: 'workbench' }))
      const page = await openLog(browser, server)
      await page.getByTestId('log-empty').waitFor()
      await client.ask('www.lab.example')
      const first = row(page, 'www.lab.example')
      await first.and(page.locator('[data-flash=added]')).waitFor()
      expect(await first.getByTestId('log-status').textContent()).toBe('Local')
      await first.getByTestId('log-client').getByText('workbench').waitFor()

      await page.getByTestId('log-filter').fill('name:=api.lab.example type:A')
      await page.getByTestId('log-no-match').waitFor()
      await followed(server)
      await client.ask('www.lab.example')
      await client.ask('api.lab.example')
      await row(page, 'api.lab.example').waitFor()
      expect(await page.getByTestId('log-row').count()).toBe(1)
      expect(new URL(page.url()).searchParams.get('filter')).toBe('name:=api.lab.example type:A')

      await page.getByTestId('log-filter').fill('type:A statuss:blocked')
      const problem = page.getByTestId('log-filter-problem')
      await problem.waitFor()
      expect(await problem.locator('mark').textContent()).toBe('statuss:blocked')
      await page.getByRole('button', { name: 'Remove statuss:blocked' }).click()
      await expect.poll(() => page.getByTestId('log-row').count()).toBe(3)
      await page.reload()
      await expect.poll(() => page.getByTestId('log-row').count()).toBe(3)
      expect(await page.getByTestId('log-filter').inputValue()).toBe('type:A')
    },
  )

  scenario(
    'a name is blocked from its line, and the block is taken back',
    async ({ server, browser }) => {
      const client = await start(server)
      expect(await client.ask('ads.lab.example')).toBe(NOERROR)
      const page = await openLog(browser, server)
      const line = row(page, 'ads.lab.example').first()
      await line.getByRole('button', { name: 'Actions for ads.lab.example' }).click()
      await page.getByRole('menuitem', { name: /Block this name/ }).click()
      await page.getByTestId('undo-toast').getByText('ads.lab.example is blocked').waitFor()
      expect(await client.ask('ads.lab.example')).toBe(NXDOMAIN)
      // The focus is in the list, so what is new waits.
      await page.getByTestId('new-pill').click()
      const blocked = row(page, 'ads.lab.example').filter({ hasText: 'Blocked' })
      await blocked.waitFor()
      expect(await blocked.getByTestId('log-why').textContent()).toContain('Own rules')

      await page.getByTestId('undo').click()
      await page.getByTestId('undo-toast').getByText('is not blocked').waitFor()
      expect(await client.ask('ads.lab.example')).toBe(NOERROR)

      await blocked.getByTestId('log-name').click()
      const drawer = page.getByTestId('log-drawer')
      await drawer.locator('[data-verdict=passed]').waitFor()
      expect(await drawer.getByTestId('log-explain').textContent()).toContain('Decided by')
      for (const look of looks) {
        await wear(page, look)
        expect(await barriers(page), `${look.theme}, ${look.width}`).toEqual([])
        await shoot(page, `dns-log-drawer-${look.theme}-${look.width}`)
      }
      await page.keyboard.press('Escape')
      await drawer.waitFor({ state: 'detached' })
      // By key, on the line that was looked at.
      await page.keyboard.press('b')
      await page.getByTestId('undo-toast').getByText('ads.lab.example is blocked').waitFor()
      expect(await client.ask('ads.lab.example')).toBe(NXDOMAIN)
    },
  )

  scenario(
    'paused, nothing moves; scrolled down, the past goes on',
    async ({ server, browser }) => {
      const client = await start(server)
      // More than two pages of the past.
      for (let n = 0; n < 500; n += 1) await client.ask(`n${n}.lab.example`)
      const page = await openLog(browser, server)
      await row(page, 'n499.lab.example').waitFor()
      await page.getByTestId('pause').click()
      await page.getByTestId('paused').waitFor()
      await client.ask('late.lab.example')
      await page.getByTestId('paused').getByText('1 change since').waitFor()
      expect(await row(page, 'late.lab.example').count()).toBe(0)
      await page.getByTestId('pause').click()
      await row(page, 'late.lab.example').waitFor()

      const scroller = page.getByTestId('log-table').locator('[role=rowgroup]').last()
      await until('the oldest query is seen', async () => {
        await scroller.evaluate((element) => element.scrollTo({ top: element.scrollHeight }))
        return (await row(page, 'n0.lab.example').count()) === 1
      })
      await page.getByTestId('log-count').getByText('501 lines').waitFor()
      // What comes meanwhile waits and moves nothing.
      await client.ask('later.lab.example')
      await page.getByTestId('new-pill').getByText('1 new').waitFor()
      expect(await row(page, 'n0.lab.example').count()).toBe(1)
      await page.getByTestId('new-pill').click()
      await row(page, 'later.lab.example').waitFor()
    },
  )

  scenario('figures count, and lead to the queries behind them', async ({ server, browser }) => {
    const client = await start(server)
    for (let n = 0; n < 3; n += 1) await client.ask('www.lab.example')
    await client.ask('api.lab.example')
    const page = await browser.open(`${server.url}/dns?range=1h`)
    await toneIs(page, 'live')
    const total = page.getByTestId('dns-stat-total.value')
    await total.getByText('4', { exact: true }).waitFor()
    await client.ask('www.lab.example')
    await total.getByText('5', { exact: true }).waitFor()
    for (const look of looks) {
      await wear(page, look)
      expect(await barriers(page), `${look.theme}, ${look.width}`).toEqual([])
      await shoot(page, `dns-${look.theme}-${look.width}`)
    }
    await page.getByTestId('dns-top-names').getByText('www.lab.example').click()
    await expect.poll(() => page.getByTestId('log-row').count()).toBe(4)
    expect(new URL(page.url()).searchParams.get('filter')).toBe('name:=www.lab.example')
    await page.goto(`${server.url}/overview`)
    await page.getByTestId('overview-dns').getByText('5 within an hour').waitFor()
  })

  scenario('1,000 queries a second leave the page at ease', async ({ server, browser }) => {
    const client = await start(server)
    const page = await openLog(browser, server)
    let n = 0
    const startedAt = Date.now()
    const pump = setInterval(() => {
      const due = Date.now() - startedAt
      for (; n < due; n += 1) client.send(`n${n % 5000}.lab.example`)
    }, 20)
    try {
      await page.getByTestId('log-row').nth(10).waitFor()
      const { share, tasks } = await easeOf(page, 5000)
      expect(share).toBeLessThan(CPU_SHARE_MAX)
      expect(tasks.filter((duration) => duration > TASK_MS_MAX)).toEqual([])
    } finally {
      clearInterval(pump)
    }
  })
})

scenario('a resolver that is off is started from the page', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/dns/log`)
  await page.getByTestId('dns-off').getByText('DNS is off').waitFor()
  // The default port may be in use here, which is then said.
  await page.getByTestId('dns-start').click()
  const started = page.getByTestId('dns-off').waitFor({ state: 'detached' })
  const refused = page.getByTestId('dns-off').getByRole('alert').waitFor()
  await Promise.race([started, refused])
})

/** Opens the log and waits until the server follows it for the page. */
async function openLog(browser: Browser, server: Tidings): Promise<Page> {
  const page = await browser.open(`${server.url}/dns/log`)
  await toneIs(page, 'live')
  await followed(server)
  return page
}

async function followed(server: Tidings): Promise<void> {
  await until('the live log is followed', async () =>
    (await server.connections()).some(({ channels }) =>
      channels.some((channel) => channel.startsWith('dns/log/live/')),
    ),
  )
}

/** Returns the lines of a name. */
function row(page: Page, name: string) {
  return page.getByTestId('log-row').filter({ has: page.getByText(name, { exact: true }) })
}
