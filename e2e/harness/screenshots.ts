/** Keeps pictures of pages to look at: in a temporary folder, or where `TIDINGS_E2E_SHOTS` says. */

import { mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'

/** Whether the long matrix runs: both themes, both widths, every state. */
export const isThorough: boolean = process.env.TIDINGS_TEST_ALL === '1'

/** Returns the folder of the pictures. */
export function shotsFolder(): string {
  return process.env.TIDINGS_E2E_SHOTS ?? join(tmpdir(), 'tidings-e2e-shots')
}

/** Keeps a picture of what is in view. */
export async function shoot(page: Page, name: string): Promise<void> {
  mkdirSync(shotsFolder(), { recursive: true })
  const path = join(shotsFolder(), `${name}.png`)
  await page.screenshot({ path, animations: 'disabled', caret: 'hide' })
}

/** A theme and a width that a page is looked at in. */
export interface Look {
  readonly theme: 'light' | 'dark'
  readonly width: 1440 | 390
}

/** The looks of a run: all four when it is thorough, else one. */
export const looks: readonly Look[] = isThorough
  ? [
      { theme: 'light', width: 1440 },
      { theme: 'dark', width: 1440 },
      { theme: 'light', width: 390 },
      { theme: 'dark', width: 390 },
    ]
  : [{ theme: 'light', width: 1440 }]

/** Gives a page a look, without loading it anew. */
export async function wear(page: Page, look: Look): Promise<void> {
  await page.emulateMedia({ colorScheme: look.theme })
  await page.setViewportSize({ width: look.width, height: look.width === 390 ? 844 : 900 })
}
