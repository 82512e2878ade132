// What every page must pass: no serious finding of axe, nothing wider than the
// window, no error in the console.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Locator, type Page } from '@playwright/test'

export const tabs = ['models', 'configurations', 'deployments', 'training', 'inference', 'datasources'] as const

export async function accessible(page: Page, name: string, schemes: readonly ('light' | 'dark')[] = ['light', 'dark']) {
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    const axe = new AxeBuilder({ page })
    if (colorScheme === 'dark') axe.withRules('color-contrast') // all else is the same in both
    const { violations } = await axe.analyze()
    const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    expect(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).join(', ')}`), `${name}, ${colorScheme}`).toEqual([])
  }
  await page.emulateMedia({ colorScheme: null })
}

/** What a place shows once its data has come: a row of the list, the second part of a detail, or the start. */
export const shown = '.split:not(.open) .rows a, .detail > :nth-child(2), .start .panel'

/**
 * Waits until the page has drawn what it has to. A headless Chromium now and
 * then gives no frame after a change of its window, until a picture of it is
 * asked for: so one is, and a page that has none even then is told from one
 * whose own thread hangs.
 */
export async function drawn(page: Page): Promise<void> {
  const frames = page.evaluate(() => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))))
  frames.catch(() => {}) // it is awaited below, or the page is gone with the test
  const within = <T>(waited: Promise<T>, ms: number) => Promise.race([waited.then(() => true), new Promise<boolean>((late) => setTimeout(late, ms, false))])
  for (let tried = 0; tried < 10; tried++) {
    if (await within(frames, 15_000)) return frames
    const alive = await within(page.evaluate(() => document.visibilityState), 15_000)
    console.log(`no frame in 15 s; the page's own thread ${alive ? 'answers' : 'hangs'}`)
    await page.bringToFront()
    const cdp = await page.context().newCDPSession(page)
    await within(cdp.send('Page.captureScreenshot', { clip: { x: 0, y: 0, width: 1, height: 1, scale: 1 } }), 15_000)
    await cdp.detach()
  }
  throw new Error('the page has drawn nothing for minutes')
}

/** Where an element is once it has stayed there for some frames. */
export async function steady(locator: Locator): Promise<{ x: number; y: number; width: number; height: number }> {
  const place = async () => {
    await drawn(locator.page())
    return locator.evaluate((e) => e.getBoundingClientRect())
  }
  let [before, now] = [await place(), await place()]
  for (let same = 0; same < 5; same = before.x === now.x && before.y === now.y ? same + 1 : 0) [before, now] = [now, await place()]
  return now
}

/** What is drawn anew follows a change of the window in its own time. */
export async function fits(page: Page, name: string) {
  const over = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  await expect.poll(over, `${name} is wider than the window`).toBeLessThanOrEqual(0)
}

/** Wants the list, the detail and all that they hold to be as wide as their places; what scrolls by itself, or is cut with dots, may be wider. */
export async function contained(page: Page, name: string) {
  const wider = () => page.evaluate(() => {
    const wide: string[] = []
    const told = (e: Element) => `${e.tagName.toLowerCase()}.${e.className}: ${e.scrollWidth} of ${e.clientWidth} pixels: ${e.textContent?.trim().slice(0, 40)}`
    for (const root of document.querySelectorAll('section.list, section.detail, main > .start')) {
      if (root.scrollWidth > root.clientWidth) wide.push(told(root))
      for (const e of root.querySelectorAll('*')) {
        if (e.closest('svg, .cm-editor, .uplot, [role=region][tabindex]') || getComputedStyle(e).overflowX !== 'visible') continue
        if (e.clientWidth > 0 && e.scrollWidth > e.clientWidth + 1) wide.push(told(e)) // one pixel is rounding
      }
    }
    return wide
  })
  await expect.poll(wider, `${name}: what is wider than its place`).toEqual([])
}

/** Holds the timers of one length that the page starts from now on; what it gives lets them end. */
export async function holdTimers(page: Page, milliseconds: number): Promise<() => Promise<void>> {
  interface Held {
    held: (() => void)[]
  }
  await page.evaluate((length) => {
    const held: (() => void)[] = ((window as unknown as Held).held = [])
    const start = window.setTimeout.bind(window)
    window.setTimeout = ((act: () => void, after?: number) => (after === length ? -held.push(act) : start(act, after))) as typeof setTimeout
  }, milliseconds)
  return () => page.evaluate(() => (window as unknown as Held).held.splice(0).forEach((act) => act()))
}

export interface Findings {
  /** Errors in the console, violations of the policy among them. */
  faults: string[]
  /** Requests to anybody but the origin. */
  foreign: string[]
}

/** Collects what must not happen, from now on. */
export function watch(page: Page, origin: string): Findings {
  const found: Findings = { faults: [], foreign: [] }
  page.on('console', (m) => {
    if (m.type() === 'error' && !/Failed to load resource|net::ERR/.test(m.text())) found.faults.push(m.text())
  })
  page.on('pageerror', (e) => found.faults.push(e.message))
  page.on('request', (r) => {
    if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== origin) found.foreign.push(r.url())
  })
  return found
}

export interface Cost {
  /** What the page's own thread computed, in milliseconds of processor time: what else runs on the machine does not count. */
  busy: number
  /** How long it took by the clock, in milliseconds. */
  took: number
}

/** Measures what it costs the page when something is done with it. */
export async function costOf(page: Page, act: () => Promise<void>): Promise<Cost> {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  const busy = async () => {
    const { metrics } = await cdp.send('Performance.getMetrics')
    return 1000 * (metrics.find((m) => m.name === 'TaskDuration')?.value ?? NaN)
  }
  const [before, began] = [await busy(), Date.now()]
  await act()
  const cost = { busy: Math.round((await busy()) - before), took: Date.now() - began }
  await cdp.detach()
  return cost
}
