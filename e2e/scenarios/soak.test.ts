/** A page that is left open: its heap, nodes and listeners stay as they are. */

import { expect } from 'vitest'
import { lease } from '../harness/leaseFile.ts'
import { toneIs } from '../harness/page.ts'
import { scenario } from '../harness/scenario.ts'
import { isThorough } from '../harness/screenshots.ts'

const ROWS = 1_000
const EVENTS_PER_TICK = 10
const TICK_MS = 200
/** Lists and caches are full after this time, and the growth counts from there. */
const WARM_UP_MS = 40_000
const SOAK_MS = 180_000
const HEAP_MAX_BYTES = 60_000_000
const GROWTH_MAX_BYTES = 4_000_000
/** Rows come and go with what is in view. */
const NODES_SPREAD = 300

scenario.runIf(isThorough)(
  'three minutes at 50 events a second leave the heap flat',
  { timeout: WARM_UP_MS + SOAK_MS + 120_000 },
  async ({ server, browser }) => {
    server.leases.fill(Array.from({ length: ROWS }, (_, n) => lease(n + 300)))
    const page = await browser.open(`${server.url}/leases`)
    await toneIs(page, 'live')
    await page.getByTestId('lease-count').getByText('1,000').waitFor()
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
        body: JSON.stringify(Array.from({ length: EVENTS_PER_TICK }, change)),
      })
    const session = await browser.context.newCDPSession(page)
    await session.send('Performance.enable')
    const measure = async () => {
      await session.send('HeapProfiler.collectGarbage')
      const { metrics } = await session.send('Performance.getMetrics')
      const figure = (name: string) => metrics.find((one) => one.name === name)?.value ?? 0
      return {
        heapBytes: figure('JSHeapUsedSize'),
        nodes: figure('Nodes'),
        listeners: figure('JSEventListeners'),
      }
    }
    const pump = setInterval(() => void publish().catch(() => undefined), TICK_MS)
    try {
      await page.waitForTimeout(WARM_UP_MS)
      const before = await measure()
      await page.waitForTimeout(SOAK_MS)
      const after = await measure()
      console.log('soak', before, after)
      expect(after.heapBytes).toBeLessThan(HEAP_MAX_BYTES)
      expect(after.heapBytes - before.heapBytes).toBeLessThan(GROWTH_MAX_BYTES)
      expect(Math.abs(after.nodes - before.nodes)).toBeLessThan(NODES_SPREAD)
      expect(Math.abs(after.listeners - before.listeners)).toBeLessThan(NODES_SPREAD)
    } finally {
      clearInterval(pump)
    }
  },
)
