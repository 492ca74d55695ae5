/** Types of the scenario. */
import type { createClient } from '../../src/client.js'

export declare function runScenario(
  make: typeof createClient,
  url: string,
  options?: object,
): Promise<typeof EXPECTED>
export declare const EXPECTED: {
  got: number[]
  gaps: number
  recovered: boolean
  duplicates: number
  opens: boolean
  status: string
}
