/** How every page and state looks: barriers and pictures in each look, more contrast, longer words. */

import type { Page } from 'playwright-core'
import { expect } from 'vitest'
import { barriers } from '../harness/axe.ts'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { pages } from '../harness/pages.ts'
import { scenario } from '../harness/scenario.ts'
import { type Look, looks, shoot, wear } from '../harness/screenshots.ts'
import type { Tidings } from '../harness/tidings.ts'

/** Time for all pages, states and looks of a thorough run on a small machine. */
const THOROUGH_MS = 900_000

const LEASES = [lease(10), lease(11), lease(12, { hostname: '*' })]

async function load(page: Page, server: Tidings, path: string): Promise<void> {
  await page.goto(`${server.url}${path}`)
  await toneIs(page, 'live')
  await page.getByRole('heading', { level: 1 }).first().waitFor()
}

async function check(page: Page, name: string, { theme, width }: Look): Promise<void> {
  const picture = `${name}-${theme}-${width}`
  expect(await barriers(page), picture).toEqual([])
  await shoot(page, picture)
}

scenario(
  'every page and state is clean in every look',
  { timeout: THOROUGH_MS },
  async ({ server, browser }) => {
    server.leases.fill(LEASES)
    const page = await browser.context.newPage()
    for (const look of looks) {
      await wear(page, look)
      for (const { path, name, states = [] } of pages) {
        await load(page, server, path)
        await check(page, name, look)
        for (const state of states) {
          await load(page, server, path)
          await state.show(page)
          await check(page, `${name}-${state.name}`, look)
        }
      }
    }
  },
)

scenario('who asks for more contrast gets it in both themes', async ({ server, browser }) => {
  server.leases.fill(LEASES)
  const page = await browser.open(`${server.url}/leases`)
  await page.getByTestId('lease-row').first().waitFor()
  const colors = () =>
    page.evaluate(() => {
      const style = getComputedStyle(document.documentElement)
      return ['--muted', '--faint', '--text', '--line', '--flash-tint'].map((name) =>
        style.getPropertyValue(name),
      )
    })
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, contrast: 'no-preference' })
    const [, , , usualLine, usualTint] = await colors()
    await page.emulateMedia({ colorScheme, contrast: 'more' })
    const [muted, faint, text, line, tint] = await colors()
    expect([muted, faint], colorScheme).toEqual([text, text])
    expect(line, colorScheme).not.toBe(usualLine)
    expect(tint, colorScheme).not.toBe(usualTint)
    expect(await barriers(page), colorScheme).toEqual([])
    await shoot(page, `leases-contrast-${colorScheme}`)
  }
})

scenario('longer words are cut on no page', async ({ server, browser }) => {
  server.leases.fill(LEASES)
  const page = await browser.open(`${server.url}/about`)
  await page.evaluate(() => localStorage.setItem('tidings-language', 'pseudo'))
  for (const { path, name } of pages) {
    await load(page, server, path)
    expect(await page.getByRole('heading', { level: 1 }).first().textContent()).toMatch(/^\[.*~\]$/)
    const cut = await page.evaluate(() =>
      [...document.querySelectorAll('button, a, h1, h2')]
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth + 1 && clientWidth > 1)
        .filter((element) => getComputedStyle(element).overflowX !== 'visible')
        .map((element) => element.textContent),
    )
    expect(cut, path).toEqual([])
    await shoot(page, `${name}-pseudo`)
  }
})
