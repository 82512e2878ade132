// What every page must pass: no serious finding of axe, nothing wider than the
// window, no error in the console.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page } from '@playwright/test'

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

export async function fits(page: Page, name: string) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  expect(over, `${name} is wider than the window`).toBeLessThanOrEqual(0)
}

/** Collects what must not be in the console; call the result at the end. */
export function watchConsole(page: Page): () => string[] {
  const found: string[] = []
  page.on('console', (m) => {
    if (m.type() === 'error' && !/Failed to load resource|net::ERR/.test(m.text())) found.push(m.text())
  })
  page.on('pageerror', (e) => found.push(e.message))
  return () => found
}
