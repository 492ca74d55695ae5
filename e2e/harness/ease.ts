/** How busy a page keeps its main thread. */

import type { Page } from 'playwright-core'

/** Share of the main thread and longest task that are allowed, doubled for a loaded machine. */
export const CPU_SHARE_MAX = 0.25 * 2
export const TASK_MS_MAX = 50 * 2

export interface Ease {
  /** Share of the time in which the main thread worked: its own time, not the machine's. */
  readonly share: number
  /** Tasks above 50 ms, in milliseconds. */
  readonly tasks: readonly number[]
}

/** Watches a page for a while. */
export async function easeOf(page: Page, forMs: number): Promise<Ease> {
  const session = await page.context().newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.evaluate(() => {
    const tasks: number[] = []
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) tasks.push(entry.duration)
    }).observe({ type: 'longtask' })
    Object.assign(globalThis, { tasks })
  })
  const busy = async (): Promise<number> => {
    const { metrics } = await session.send('Performance.getMetrics')
    return metrics.find((metric) => metric.name === 'TaskDuration')?.value ?? 0
  }
  const [startedAt, before] = [Date.now(), await busy()]
  await page.waitForTimeout(forMs)
  const share = ((await busy()) - before) / ((Date.now() - startedAt) / 1000)
  const tasks = await page.evaluate(() => (globalThis as unknown as { tasks: number[] }).tasks)
  return { share, tasks }
}
