/** Builds the entries of the package as ES modules that share their chunks, and configures the tests. */
import { defineConfig } from 'vitest/config'

const ENTRIES = [
  'index',
  'decoders',
  'eventsource',
  'publish',
  'react',
  'react-query',
  'schemas',
  'shared-worker',
  'sse-client',
  'sse-client-react',
]

export default defineConfig({
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    lib: {
      entry: Object.fromEntries(ENTRIES.map((name) => [name, `src/${name}.ts`])),
      formats: ['es'],
    },
    rolldownOptions: {
      external: [/^react/, /^@tanstack\//],
      output: { chunkFileNames: 'chunks/[name].js' },
    },
  },
  test: {
    environment: 'node',
    include: ['test/**/*.test.{ts,tsx}'],
    // A hung test ends some time, and a busy machine fails none.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
