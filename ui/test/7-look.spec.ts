// Every place at every size in both schemes: axe, width, and a picture to look
// at. Pictures take most of the time: without KAFKAML_LONG each place has one.
import { accessible, drawn, fits, shown, tabs } from './checks'
import type { Page } from '@playwright/test'
import { artefacts, expect, test } from './setup'

const everything = process.env.KAFKAML_LONG === '1'
const sizes = [[360, 780], [1280, 900], [2560, 1400]] as const

test('every tab is sound at every size, in both schemes', async ({ tab, given, digits }) => {
  const { page } = tab
  const { configuration, results } = await given.trained('looked-at', await given.models('looked-at-a', 'looked-at-b'))
  const waiting = await given.deployment(configuration)
  await given.predicted(digits.inference, 100)
  await tab.go(`#/deployments/${waiting}`)
  await expect(tab.heading(/waiting/)).toBeVisible() // somebody else's deployment, by its facts
  const places = {
    start: '', ...Object.fromEntries(tabs.map((t) => [t, t])), model: `models/${digits.models[0]}`, write: 'models/new?example=mnist-cnn', configuration: `configurations/${digits.configuration}`, group: 'configurations/new', form: 'deployments/new',
    deployment: `deployments/${digits.deployment}`, waiting: `deployments/${waiting}`, result: `training/${digits.result}`, compare: `training/compare?ids=${digits.result},${results[0]}`,
    serve: `inference/new?result=${digits.result}`, served: `inference/${digits.inference}`, datasource: `datasources/${digits.datasource}`, nowhere: 'models/999999',
  }
  for (const [i, [name, place]] of Object.entries(places).entries()) {
    await tab.go(`#/${place}`)
    await expect(page.locator(shown).first()).toBeVisible()
    await drawn(page)
    await accessible(page, name)
    for (const [width, height] of sizes) {
      await page.setViewportSize({ width, height })
      await fits(page, `${name} at ${width}`)
      for (const colorScheme of (['light', 'dark'] as const).filter((_, n) => everything || i % 2 === n)) {
        await page.emulateMedia({ colorScheme })
        await drawn(page)
        await measured(page)
        if (everything || width === 1280) await page.screenshot({ path: `${artefacts}${name}-${width}-${colorScheme}.png`, fullPage: width < 2000 })
      }
    }
    await page.emulateMedia({ colorScheme: null })
    await page.setViewportSize({ width: 1280, height: 900 })
  }
})

/** The lines of an editor are measured once they are seen; then their numbers stand beside them. */
async function measured(page: Page) {
  for (const editor of await page.locator('.cm-editor').all()) {
    for (let y = 0; y < 1; y += 0.25) {
      await editor.evaluate((e, part) => scrollTo(0, e.getBoundingClientRect().top + scrollY + part * e.clientHeight - 100), y)
      await drawn(page)
    }
    const apart = async () => {
      const [numbers, lines] = await editor.evaluate((e) => ['.cm-gutterElement', '.cm-line'].map((s) => [...e.querySelectorAll(s)].filter((x) => x.clientHeight > 0).at(-1)?.getBoundingClientRect().top ?? NaN))
      return Math.abs((numbers ?? NaN) - (lines ?? NaN))
    }
    await expect.poll(apart, 'pixels between a line and its number').toBeLessThan(3)
  }
  await page.evaluate(() => scrollTo(0, 0))
}
