import { defineConfig } from '@playwright/test'

// One browser, and one kafkaml that the tests share; each makes what it needs,
// so that any of them runs alone and none stops another. A wait ends as soon as
// what is waited for is there: its limit is for a test that fails, and holds on
// a machine that is ten times slower than usual.
export default defineConfig({
  testDir: 'test',
  outputDir: 'test/artefacts/traces',
  workers: 1,
  fullyParallel: false,
  timeout: 900_000,
  expect: { timeout: 300_000 },
  reporter: [['list'], ['json', { outputFile: 'test/artefacts/browser.json' }]],
  use: {
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    actionTimeout: 120_000,
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
})
