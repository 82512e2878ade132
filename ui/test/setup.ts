// One kafkaml and one page for all files of a run: each file builds on what
// those before it made, so their names begin with a number.
import { expect, test as base, type Locator, type Page } from '@playwright/test'
import { watch, type Findings } from './checks'
import { Machine } from './machine'

export { expect }
export const artefacts = new URL('artefacts/', import.meta.url).pathname

/** The page as tests speak of it. */
export class Tab {
  constructor(
    readonly page: Page,
    readonly origin: string,
    readonly found: Findings,
  ) {}

  go(hash: string) {
    return this.page.goto(`${this.origin}/${hash}`)
  }
  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name, exact: typeof name === 'string' })
  }
  link(name: string | RegExp): Locator {
    return this.page.getByRole('link', { name })
  }
  heading(name: string | RegExp): Locator {
    return this.page.getByRole('heading', { name })
  }
  region(name: string | RegExp): Locator {
    return this.page.getByRole('region', { name })
  }
}

export const test = base.extend<{ clean: void }, { machine: Machine; tab: Tab }>({
  machine: [
    async ({}, use) => {
      const machine = new Machine()
      await machine.start()
      await use(machine)
      await machine.remove()
    },
    { scope: 'worker', timeout: 180_000 },
  ],
  tab: [
    async ({ browser, machine }, use) => {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'] })
      const page = await context.newPage()
      const tab = new Tab(page, machine.url, watch(page, machine.url))
      await tab.go('')
      await use(tab)
      await context.close()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
  // After each test: nothing in the console, nothing asked of anybody else.
  clean: [
    async ({ tab }, use) => {
      await use()
      expect(tab.found.faults, 'the console').toEqual([])
      expect(tab.found.foreign, 'requests to other origins').toEqual([])
    },
    { auto: true },
  ],
})
