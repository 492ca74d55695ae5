/** Says before the first scenario what is missing, and where screenshots will lie. */

import { findChromium, findTidings } from './programs.ts'
import { shotsFolder } from './screenshots.ts'

export function setup(): void {
  console.log(`server: ${findTidings()}`)
  const chromium = findChromium()
  if (chromium === null) {
    console.log('skipped: there is no Chromium (Debian: `apt-get install chromium`)')
    return
  }
  console.log(`browser: ${chromium}, screenshots: ${shotsFolder()}`)
}
