/** The `scenario` that every test file uses: a server, a proxy for faults, and a browser. */

import { expect, test } from 'vitest'
import { Browser } from './browser.ts'
import { FaultProxy } from './faultProxy.ts'
import { findChromium } from './programs.ts'
import { Tidings, type TidingsOptions } from './tidings.ts'

interface Fixtures {
  /** How the server is started; `scenario.override` changes it. */
  readonly options: TidingsOptions
  readonly server: Tidings
  /** Between browser and server, for scenarios about faults. */
  readonly proxy: FaultProxy
  readonly browser: Browser
}

const base = test.extend<Fixtures>({
  options: [{}, { injected: true }],
  server: async ({ options }, use) => {
    const server = await Tidings.start(options)
    await use(server)
    await server.close()
  },
  proxy: async ({ server }, use) => {
    const proxy = await FaultProxy.start(() => server.port)
    await use(proxy)
    await proxy.close()
  },
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads what a fixture needs from the pattern
  browser: async ({}, use) => {
    const browser = await Browser.start()
    await use(browser)
    await browser.close()
    expect(browser.misdeeds.foreignRequests, 'no request leaves the origin').toEqual([])
    expect(browser.misdeeds.errors, 'no error and no violation of the policy').toEqual([])
  },
})

/** A test with a browser; skipped where there is none. */
export const scenario: typeof base = findChromium() === null ? (base.skip as typeof base) : base
