/** DNS from the pages: stop and start, settings, flushing, lists, tests of a name, pauses, clients. */

import { createSocket } from 'node:dgram'
import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { barriers } from '../harness/axe.ts'
import { askDns, DNS_CONFIG, DnsUpstream, dnsPort, useUpstream } from '../harness/dns.ts'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { isThorough, looks, shoot, wear } from '../harness/screenshots.ts'
import { until } from '../harness/waiting.ts'

// biome-ignore lint/correctness/noEmptyPattern: vitest reads what a fixture needs from the pattern
const dns = scenario.extend('upstream', async ({}, { onCleanup }) => {
  const upstream = await DnsUpstream.start()
  onCleanup(() => upstream.close())
  return upstream
})
dns.override({ options: { config: DNS_CONFIG } })

/** In the long run, looks for barriers in a state that needs a running resolver, in every look. */
async function isClean(page: Page, name: string): Promise<void> {
  if (!isThorough) return
  for (const look of looks) {
    await wear(page, look)
    expect(await barriers(page), `${name}, ${look.theme}, ${look.width}`).toEqual([])
    await shoot(page, `${name}-${look.theme}-${look.width}`)
  }
}

dns('the resolver is stopped and started', async ({ server, browser }) => {
  const page = await browser.open(`${server.url}/dns/control`)
  await toneIs(page, 'live')
  const state = page.getByTestId('dns-state')
  await state.getByText('Running').waitFor()
  expect(await page.getByTestId('dns-addresses').textContent()).toContain(
    `127.0.0.1:${await dnsPort(server)}`,
  )
  await page.getByTestId('dns-stop').click()
  await page.getByTestId('confirm').click()
  await state.getByText('Stopped').waitFor()
  expect(await dnsPort(server)).toBe(0)
  await page.getByTestId('dns-start').click()
  await state.getByText('Running').waitFor()
  expect(await dnsPort(server)).toBeGreaterThan(0)
})

dns('who holds a port is named, and a later start works', async ({ server, browser }) => {
  const holder = createSocket('udp4')
  await new Promise<void>((resolve) => holder.bind(0, '127.0.0.1', resolve))
  try {
    const held = `127.0.0.1:${holder.address().port}`
    await server.json('/api/v1/dns/stop', { method: 'POST' })
    await server.json('/api/v1/dns/settings', {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ listen: [held] }),
    })
    const page = await browser.open(`${server.url}/dns/control`)
    await page.getByTestId('dns-start').click()
    const error = page.getByTestId('dns-error')
    await error.waitFor()
    const text = await error.textContent()
    expect(text).toContain(held)
    expect(text).toContain(`process ${process.pid}`)
    await isClean(page, 'dns-control-held')
    await new Promise<void>((resolve) => holder.close(resolve))
    await page.getByTestId('dns-start').click()
    await page.getByTestId('dns-state').getByText('Running').waitFor()
    expect(await error.count()).toBe(0)
  } finally {
    try {
      holder.close()
    } catch {
      // Closed above, as the scenario wants it.
    }
  }
})

dns(
  'settings are reviewed and applied; a refused one says so at its field',
  async ({ server, browser }) => {
    const page = await browser.open(`${server.url}/dns/control`)
    await page.getByTestId('field-threads').fill('900')
    await page.getByTestId('field-log.privacy').selectOption('no_names')
    await page.getByTestId('field-cache.ttl_min').fill('soon')
    const bar = page.getByTestId('changes-bar')
    expect(await bar.textContent()).toContain('3 changes')
    await page.getByTestId('apply').click()
    const refused = page.getByTestId('settings-refused')
    await refused.waitFor()
    const ttl = page.locator('[data-testid=dns-setting][data-key="cache.ttl_min"]')
    await ttl.getByText('expected a duration').waitFor()
    await page.getByTestId('field-cache.ttl_min').fill('2s')
    await page.getByTestId('apply').click()
    const threads = page.locator('[data-testid=dns-setting][data-key="threads"]')
    await threads.getByText('is outside 0 to 64').waitFor()
    await isClean(page, 'dns-control-refused')
    await page.getByTestId('field-threads').fill('1')
    await page.getByTestId('review').click()
    const review = page.getByTestId('review-dialog')
    const diff = await review.textContent()
    for (const part of ['log.privacy', '"full"', '"no_names"', '"0s"', '"2s"']) {
      expect(diff).toContain(part)
    }
    await isClean(page, 'dns-control-review')
    await page.getByTestId('review-apply').click()
    await page.getByTestId('settings-applied').getByText('Applied').waitFor()
    const settings = await server.json<{ threads: number; log: { privacy: string } }>(
      '/api/v1/dns/settings',
    )
    expect([settings.threads, settings.log.privacy]).toEqual([1, 'no_names'])
    await threads.getByText('set here').waitFor()
    await threads.getByRole('button', { name: /Back to 0.*threads/ }).click()
    await page.getByTestId('apply').click()
    await threads.getByText('set here').waitFor({ state: 'detached' })
  },
)

dns('a flush names how many answers go', async ({ server, browser, upstream }) => {
  await useUpstream(server, upstream)
  const port = await dnsPort(server)
  const names = ['a.shop.example', 'b.shop.example', 'shop.example', 'workshop.example']
  for (const name of names) expect(await askDns(port, name)).toBe('NOERROR')
  const page = await browser.open(`${server.url}/dns/cache`)
  const row = page.getByTestId('cache-row')
  await expect.poll(() => row.count()).toBe(4)
  await page.getByTestId('cache-search').fill('b.shop')
  await expect.poll(() => row.count()).toBe(1)
  await page.getByTestId('cache-search').fill('')
  await expect.poll(() => row.count()).toBe(4)

  await page.getByTestId('flush-within').click()
  await page.getByTestId('flush-domain').fill('shop.example')
  await page.getByTestId('flush-count').getByText('3 answers go').waitFor()
  expect(await page.getByTestId('confirm').textContent()).toBe('Flush 3 answers')
  await isClean(page, 'dns-cache-flush')
  await page.getByTestId('confirm').click()
  await page.getByTestId('flushed').getByText('3 answers flushed').waitFor()
  await page.mouse.move(0, 0)
  await expect.poll(() => row.count()).toBe(1)

  await page.getByRole('button', { name: 'Flush workshop.example A' }).click()
  await page.getByTestId('flush-count').getByText('1 answer goes').waitFor()
  await page.getByTestId('confirm').click()
  // The focus comes back to the row, which holds it as one that is gone.
  await page.getByTestId('flushed').getByText('1 answer flushed').waitFor()
  await page.getByTestId('cache-search').focus()
  await page.getByTestId('cache-empty').waitFor()
  const before = upstream.nAsked
  expect(await askDns(port, 'shop.example')).toBe('NOERROR')
  expect(upstream.nAsked).toBe(before + 1)
})

dns(
  'a pasted list blocks, and the test of a name says why',
  async ({ server, browser, upstream }) => {
    await useUpstream(server, upstream)
    const port = await dnsPort(server)
    const page = await browser.open(`${server.url}/dns/lists`)
    await toneIs(page, 'live')
    await page.getByTestId('lists-empty').waitFor()
    await page.getByTestId('list-add').click()
    await page.getByRole('button', { name: 'Paste' }).click()
    await page.getByTestId('list-text').fill('! ads\n||ads.example^\n||x.example^$nonsense\n')
    await page.getByTestId('list-save').click()
    await page.getByText('must have letters').waitFor()
    await isClean(page, 'dns-lists-refused')
    await page.getByTestId('list-name').fill('Ads')
    await page.getByTestId('list-save').click()
    const list = page.getByTestId('dns-list')
    await list.and(page.locator('[data-status=ok]')).waitFor()
    expect(await list.getByTestId('list-entries').textContent()).toBe('1')
    await list.getByText('1 line is no rule').waitFor()
    expect(await askDns(port, 'www.ads.example')).toBe('NXDOMAIN')

    await page.getByTestId('test-name-name').fill('www.ads.example')
    await page.getByTestId('test-name-run').click()
    const verdict = page.getByTestId('verdict')
    await verdict.and(page.locator('[data-verdict=blocked]')).waitFor()
    expect(await verdict.textContent()).toContain('||ads.example^ list Ads, line 2')
    await isClean(page, 'dns-lists-test')

    await list.getByTestId('list-on').click()
    await until(
      'the list is off',
      async () => (await askDns(port, 'www.ads.example')) === 'NOERROR',
    )
    await list.getByTestId('list-remove').click()
    await page.getByTestId('lists-empty').waitFor()
    await page.getByTestId('undo').click()
    await list.getByText('Ads').waitFor()
  },
)

dns(
  'own rules say what is wrong with a line, and can be taken back',
  async ({ server, browser, upstream }) => {
    await useUpstream(server, upstream)
    const port = await dnsPort(server)
    const page = await browser.open(`${server.url}/dns/lists?tab=rules`)
    await page.getByTestId('rules-text').fill('||text.example^\n/(unclosed/\n')
    await page.getByTestId('rules-save').click()
    const bad = page.getByTestId('ignored-lines')
    await bad.getByText('Line 2').waitFor()
    expect(await askDns(port, 'text.example')).toBe('NXDOMAIN')
    await page.getByTestId('rule-domain').fill('one.example')
    await page.getByTestId('rule-block').click()
    const rule = page.getByTestId('dns-rule').filter({ hasText: 'one.example' })
    await rule.waitFor()
    await isClean(page, 'dns-rules-lines')
    await rule.getByRole('button', { name: 'Remove the rule for one.example' }).click()
    await rule.waitFor({ state: 'detached' })
    await page.getByTestId('undo').click()
    await rule.waitFor()
    expect(await askDns(port, 'one.example')).toBe('NXDOMAIN')

    await page.getByRole('button', { name: 'Local names' }).click()
    await page.getByTestId('name-name').fill('nas.home.arpa')
    await page.getByTestId('name-value').fill('192.0.2.40')
    await page.getByTestId('name-add').click()
    await page.getByTestId('dns-name').filter({ hasText: 'nas.home.arpa' }).waitFor()
    await isClean(page, 'dns-names-own')
    const asked = upstream.nAsked
    expect(await askDns(port, 'nas.home.arpa')).toBe('NOERROR')
    expect(upstream.nAsked).toBe(asked)
  },
)

dns(
  'filtering is paused with a countdown, and on again at once',
  async ({ server, browser, upstream }) => {
    await useUpstream(server, upstream)
    const port = await dnsPort(server)
    await server.json('/api/v1/dns/rules', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ action: 'block', domain: 'ads.example' }),
    })
    expect(await askDns(port, 'ads.example')).toBe('NXDOMAIN')
    const page = await browser.open(`${server.url}/dns/control`)
    await page.getByTestId('pause-all-5').click()
    const countdown = page.getByTestId('pause-all-countdown')
    await countdown.waitFor()
    expect(await countdown.textContent()).toMatch(/^(5:00|4:5\d)$/)
    const first = await countdown.textContent()
    await expect.poll(() => countdown.textContent()).not.toBe(first)
    expect(await askDns(port, 'ads.example')).toBe('NOERROR')
    await isClean(page, 'dns-control-paused')
    await page.getByTestId('pause-all-end').click()
    await page.getByTestId('pause-all-5').waitFor()
    await until('it filters', async () => (await askDns(port, 'ads.example')) === 'NXDOMAIN')
  },
)

dns(
  'a client comes from a lease, leads to it, and is paused alone',
  async ({ server, browser }) => {
    server.leases.fill([lease(20)])
    const page = await browser.open(`${server.url}/dns/clients`)
    await toneIs(page, 'live')
    await page.getByTestId('clients-empty').waitFor()
    await page.getByTestId('group-add').click()
    await page.getByTestId('group-name').fill('kids')
    await page.getByLabel('Google').check()
    await isClean(page, 'dns-group')
    await page.getByTestId('group-save').click()
    const group = page.locator('[data-testid=dns-group][data-name=kids]')
    await group.getByText('safe search').waitFor()

    await page.getByTestId('client-add').click()
    await page.getByTestId('client-lease').selectOption({ index: 1 })
    await page.getByTestId('client-name').fill('Tablet')
    await page.getByTestId('client-group').selectOption('kids')
    await page.getByTestId('client-save').click()
    const client = page.getByTestId('dns-client').filter({ hasText: 'Tablet' })
    await client.getByText('192.0.2.20').waitFor()
    await group.getByText('1 client').waitFor()
    await client.getByTestId('client-pause').click()
    await page.getByTestId('pause-client-30').click()
    await page.getByTestId('pause-client-countdown').waitFor()
    await page.keyboard.press('Escape')
    await client.getByTestId('client-countdown').waitFor()
    await isClean(page, 'dns-clients-paused')

    await client.getByRole('link', { name: 'Queries of Tablet' }).click()
    await page.waitForURL(/\/dns\/log\?filter=client.*192\.0\.2\.20/)
    await page.goBack()
    await client.getByRole('link', { name: 'Lease of Tablet' }).click()
    await page.getByTestId('lease-drawer').getByText('192.0.2.20').first().waitFor()
    await page.goBack()
    await client.getByTestId('client-remove').click()
    await client.waitFor({ state: 'detached' })
    await page.getByTestId('undo').click()
    await client.waitFor()
  },
)
