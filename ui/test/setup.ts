// What every test has: a page of its own on a kafkaml that the tests share. A
// test makes what it needs under names of its own (Given) and leaves the rest
// as it was; one that needs a kafkaml to itself, empty or to be killed, asks
// for its own.
import { expect, test as base, type Locator, type Page } from '@playwright/test'
import { watch, type Findings } from './checks'
import { Given, type Served } from './given'
import { delayed } from './lag'
import { Machine, type Broker } from './machine'

export { expect }
export const artefacts = new URL('artefacts/', import.meta.url).pathname

/** The page as tests speak of it. */
export class Tab {
  readonly found: Findings
  constructor(
    readonly page: Page,
    readonly origin: string,
  ) {
    this.found = watch(page, origin)
  }

  go(hash: string) {
    return this.page.goto(`${this.origin}/${hash}`)
  }
  /** Waits for a message that goes by itself, also where it has gone again. */
  async said(text: string | RegExp) {
    const all = () => this.page.evaluate(() => (window as unknown as Said).said)
    await expect.poll(all, `the message ${text}`).toContainEqual(typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text))
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
  /** A row of the tab's list, by its id. */
  row(id: number): Locator {
    return this.page.locator(`.rows a[href*="/${id}?"], .rows a[href$="/${id}"]`)
  }
  /** A figure of an inference, by its name. */
  figure(name: string): Locator {
    return this.page.locator('div', { has: this.page.locator('dt', { hasText: name }) }).last()
  }
}

/** A kafkaml of a test's own, and the test's page on it. */
export interface Own {
  machine: Machine
  given: Given
  tab: Tab
}

/** The texts of all messages that the page has shown since it was loaded. */
interface Said {
  said: string[]
}

/** Writes down each message of the page, from its next load on. */
async function listen(page: Page) {
  await page.addInitScript(() => {
    const said: string[] = ((window as unknown as Said).said = [])
    const gather = (changes: MutationRecord[]) => {
      for (const node of changes.flatMap((c) => [...c.addedNodes])) {
        if (node instanceof HTMLElement && node.matches('.notice')) said.push(node.innerText)
      }
    }
    new MutationObserver(gather).observe(document, { childList: true, subtree: true })
  })
}

interface Each {
  tab: Tab
  /** Starts a kafkaml for this test alone. */
  own: (broker?: Broker) => Promise<Own>
}
interface Shared {
  machine: Machine
  given: Given
  /** Digits, trained and served: to look at, not to change. */
  digits: Served
}

export const test = base.extend<Each, Shared>({
  page: async ({ page }, use) => {
    await delayed(page)
    await use(page)
  },
  machine: [
    async ({}, use) => {
      const machine = new Machine('kafka')
      try {
        await machine.start()
        await use(machine)
      } finally {
        await machine.remove()
      }
    },
    { scope: 'worker', timeout: 600_000 },
  ],
  given: [async ({ machine }, use) => use(new Given(machine.url)), { scope: 'worker' }],
  digits: [async ({ given }, use) => use(await given.digits('digits')), { scope: 'worker', timeout: 600_000 }],
  tab: async ({ page, machine }, use) => {
    await listen(page)
    const tab = new Tab(page, machine.url)
    await tab.go('')
    await use(tab)
    clean(tab)
  },
  own: [
    async ({ page }, use) => {
      const machines: Machine[] = []
      const tabs: Tab[] = []
      await listen(page)
      await use(async (broker = 'development') => {
        const machine = new Machine(broker)
        machines.push(machine)
        await machine.start()
        const tab = new Tab(page, machine.url)
        tabs.push(tab)
        await tab.go('')
        return { machine, given: new Given(machine.url), tab }
      })
      for (const machine of machines) await machine.remove()
      for (const tab of tabs) clean(tab)
    },
    { timeout: 600_000 },
  ],
})

/** Nothing in the console, nothing asked of anybody else. */
function clean({ found }: Tab) {
  expect(found.faults, 'the console').toEqual([])
  expect(found.foreign, 'requests to other origins').toEqual([])
}
