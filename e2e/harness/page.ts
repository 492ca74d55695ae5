/** What scenarios ask a page: the words and states that a person sees. */

import type { Page } from 'playwright-core'
import { PATIENCE_MS } from './waiting.ts'

/** What the connection label shows. */
export type Tone = 'live' | 'connecting' | 'disconnected'

/** Waits until the connection label shows this. */
export async function toneIs(page: Page, tone: Tone, patienceMs = PATIENCE_MS): Promise<void> {
  await page.locator(`[data-testid=sse-status][data-tone=${tone}]`).waitFor({ timeout: patienceMs })
}

/** Returns the word of the connection label. */
export async function label(page: Page): Promise<string> {
  return (await page.getByTestId('sse-status-label').textContent()) ?? ''
}
