/** Looks for barriers in a page with axe-core; under the strict policy, for evaluation is no script of the page. */

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly help: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
  }[]
}

/** Returns what axe finds wrong, one line each; an empty list is clean. */
export async function barriers(page: Page): Promise<readonly string[]> {
  await page.evaluate(source)
  const results = await page.evaluate(async () => {
    // The script above put it there; the page has no type for it.
    const { axe } = globalThis as unknown as { axe: { run(): Promise<AxeResults> } }
    return axe.run()
  })
  return results.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${violation.help}: ${node.html.slice(0, 200)}`),
  )
}
