/** Builds the dashboard into `dist`: hashed files, relative paths, no inline script or style. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

/** Where `npm run dev` finds a server; streams are best tried against `npm run preview`. */
const server = process.env.TIDINGS_URL ?? 'http://127.0.0.1:8080'

const sdk = fileURLToPath(new URL('../sdk/src/', import.meta.url))

/**
 * Puts the script that chooses the theme before everything that paints.
 *
 * It must block the parser, so it cannot be a module; Vite would leave such a script unhashed.
 */
function themeScript(): Plugin {
  let fileName = ''
  return {
    name: 'tidings-theme-script',
    configureServer(devServer) {
      devServer.middlewares.use('/theme.js', (_request, response) => {
        response.setHeader('Content-Type', 'text/javascript')
        response.end(readFileSync('src/app/theme-before-paint.js'))
      })
    },
    generateBundle() {
      const source = readFileSync('src/app/theme-before-paint.js', 'utf8')
      fileName = this.getFileName(this.emitFile({ type: 'asset', name: 'theme.js', source }))
    },
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'script',
          attrs: { src: fileName ? `./${fileName}` : './theme.js' },
          injectTo: 'head',
        },
      ],
    },
  }
}

export default defineConfig({
  base: './',
  // The client is taken from its source, so that it needs no build before this one.
  resolve: {
    alias: [
      { find: /^tidings$/, replacement: `${sdk}index.ts` },
      { find: /^tidings\/(.+)$/, replacement: `${sdk}$1.ts` },
    ],
  },
  plugins: [react(), tailwindcss(), themeScript()],
  build: {
    target: 'es2022',
    manifest: true,
    // A `data:` URL would need a wider policy than `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: { proxy: { '/api': server, '/metrics': server } },
  worker: { format: 'es' },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/testSetup.ts'],
  },
})
