/** What people see while the server is away, and that nothing is lost or doubled by it. */

import { describe, expect } from 'vitest'
import { label, toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { isThorough, shoot } from '../harness/screenshots.ts'

/** The notice comes after this time, and the label turns red after the other. */
const GRACE_MS = 1_000
const RED_AFTER_MS = 10_000
/** How much a loaded machine may be late. */
const SLACK_MS = 10_000

scenario(
  'a killed server is said at once and forgiven when it is back',
  async ({ server, browser }) => {
    const page = await browser.open(`${server.url}/about`)
    await toneIs(page, 'live')
    const notice = page.getByTestId('connection-notice')

    await server.kill()
    const killedAt = Date.now()
    await toneIs(page, 'connecting', SLACK_MS)
    expect(await label(page)).toBe('Connecting...')
    await notice.waitFor()
    expect(Date.now() - killedAt).toBeGreaterThan(GRACE_MS - 100)
    expect(await notice.textContent()).toContain('Connection lost, attempting to reconnect...')
    expect(await notice.count()).toBe(1)
    await toneIs(page, 'disconnected', RED_AFTER_MS + SLACK_MS)
    expect(Date.now() - killedAt).toBeGreaterThan(RED_AFTER_MS - 500)
    expect(await label(page)).toBe('Disconnected')
    await page.getByRole('heading', { level: 1 }).waitFor()
    await shoot(page, 'outage')

    await server.restart()
    await toneIs(page, 'live')
    await page.getByText('Connected again').waitFor()
    expect(await notice.count()).toBe(1)
  },
)

describe('a blip', () => {
  // Far below the grace, so that a loaded machine does not turn the blip into an outage.
  scenario.override('options', { config: '[hub]\nretry_min = "50ms"\nretry_max = "100ms"\n' })

  scenario('is no matter for a notice', async ({ proxy, browser }) => {
    const page = await browser.open(`${proxy.url}/about`)
    await toneIs(page, 'live')
    // Counts every notice that ever appears, however short.
    await page.evaluate(() => {
      const seen = { n: 0 }
      const look = (): void => {
        if (document.querySelector('[data-testid=connection-notice]')) seen.n += 1
      }
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true })
      Object.assign(globalThis, { seen })
    })
    const asked = proxy.streamsAsked
    proxy.dropStreams()
    await toneIs(page, 'live')
    await expect.poll(() => proxy.streamsAsked).toBeGreaterThan(asked)
    await toneIs(page, 'live')
    const seen = await page.evaluate(
      () => (globalThis as unknown as { seen: { n: number } }).seen.n,
    )
    expect(seen).toBe(0)
  })
})

// It waits for heartbeats that do not come: longer than a quick run may take.
scenario.runIf(isThorough)(
  'a silent stream is replaced',
  async ({ proxy, browser }) => {
    const page = await browser.open(`${proxy.url}/about`)
    await toneIs(page, 'live')
    const asked = proxy.streamsAsked
    proxy.stallStreams()
    // Heartbeats come every 30 s; a page that waits for more than two and a half is not live.
    await toneIs(page, 'connecting', 60_000)
    proxy.flow()
    await toneIs(page, 'live', 60_000)
    expect(proxy.streamsAsked).toBeGreaterThan(asked)
  },
  150_000,
)
