import { defineConfig } from '@playwright/test'

// One browser and one kafkaml: the tests build on what those before them made.
export default defineConfig({
  testDir: 'test',
  outputDir: 'test/artefacts/traces',
  workers: 1,
  fullyParallel: false,
  maxFailures: 1, // what follows would only fail in turn
  timeout: 120_000,
  expect: { timeout: 20_000 },
  reporter: [['list'], ['json', { outputFile: 'test/artefacts/browser.json' }]],
  use: {
    actionTimeout: 20_000,
    trace: 'retain-on-failure',
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
})
