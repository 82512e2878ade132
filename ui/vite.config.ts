import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

// The page is embedded into the Go binary from dist/; `npm run dev` proxies the functions of a running `make run`.
export default defineConfig({
  plugins: [svelte()],
  build: { target: 'es2022', emptyOutDir: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  server: {
    proxy: Object.fromEntries(
      ['/config.json', '/model-register', '/deploy-training', '/control-log', '/deploy-inference'].map((path) => [
        path,
        process.env.KAFKAML_URL ?? 'http://127.0.0.1:8080',
      ]),
    ),
  },
  test: { include: ['src/**/*.test.ts'] },
})
