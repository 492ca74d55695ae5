/** Runs the scenarios one file after the other: each has a browser, and the machine may be small. */

import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['scenarios/**/*.test.ts'],
    fileParallelism: false,
    // A scenario waits for events, never for time; this ends one that waits in vain.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 20_000 } },
    globalSetup: ['harness/globalSetup.ts'],
    reporters: ['verbose'],
  },
})
