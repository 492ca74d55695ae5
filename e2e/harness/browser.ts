/** A Chromium of its own for one scenario, whose pages note whatever they must not do. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { findChromium } from './programs.ts'

/** Name of an origin that is neither secure nor loopback, as a machine in a home network is. */
export const INSECURE_HOST = 'router.test'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
  `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`,
]

/** What a browser's pages did that they must not. */
export interface Misdeeds {
  /** Console errors and uncaught exceptions, those of the policy among them. */
  readonly errors: string[]
  /** Requests to other origins. */
  readonly foreignRequests: string[]
}

/** A browser with an empty profile. */
export class Browser {
  readonly context: BrowserContext
  readonly misdeeds: Misdeeds = { errors: [], foreignRequests: [] }
  private readonly folder: string

  private constructor(context: BrowserContext, folder: string) {
    this.context = context
    this.folder = folder
  }

  static async start(): Promise<Browser> {
    const folder = mkdtempSync(join(tmpdir(), 'tidings-chromium-'))
    const context = await chromium.launchPersistentContext(folder, {
      executablePath: findChromium() ?? 'chromium',
      headless: true,
      args: FLAGS,
      viewport: { width: 1440, height: 900 },
      locale: 'en-GB',
      timezoneId: 'UTC',
      colorScheme: 'light',
    })
    const browser = new Browser(context, folder)
    context.on('request', (request) => browser.note(request.url()))
    context.on('page', (page) => browser.watch(page))
    for (const page of context.pages()) browser.watch(page)
    return browser
  }

  /** Opens a page and goes to a URL. */
  async open(url: string): Promise<Page> {
    const page = await this.context.newPage()
    await page.goto(url)
    return page
  }

  async close(): Promise<void> {
    await this.context.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  private watch(page: Page): void {
    page.on('pageerror', (error) => this.misdeeds.errors.push(`exception: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      const text = message.text()
      // A server that is away is what some scenarios are about; the browser logs each try.
      if (!/Failed to load resource|net::ERR_/.test(text)) this.misdeeds.errors.push(text)
    })
  }

  private note(url: string): void {
    const { protocol, hostname } = new URL(url)
    const isOwn = ['127.0.0.1', 'localhost', INSECURE_HOST].includes(hostname)
    if (/^https?:|^wss?:/.test(protocol) && !isOwn) this.misdeeds.foreignRequests.push(url)
  }
}
