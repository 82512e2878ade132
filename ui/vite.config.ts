import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'

const functions = ['/config.json', '/login.json', '/login', '/whoami', '/predict', '/model-register', '/deploy-training', '/control-log', '/deploy-inference', '/records']

// The page is embedded into the Go binary from dist/; `npm run dev` proxies the functions of a running `make run`.
export default defineConfig({
  plugins: [svelte()],
  base: './', // the page does not mind where it lies
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox125', 'safari17.5'],
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: { checks: { pluginTimings: false } }, // how long a build took on a busy machine is no warning
  },
  server: {
    proxy: Object.fromEntries(functions.map((path) => [path, process.env.KAFKAML_URL ?? 'http://127.0.0.1:8080'])),
  },
  test: { include: ['src/**/*.test.ts'] },
})
