// Long names and many figures: no list and no detail is wider than its place.
import { contained, drawn, fits, shown } from './checks'
import { table } from './given'
import type { Page } from '@playwright/test'
import { artefacts, expect, test } from './setup'

const widths = [1024, 1280, 1400, 1920, 2560]

/** A name of 60 characters without a place to break. */
const long = (what: string) => `${what}${'_has_a_name_without_a_place_to_break_it_and_goes_on_and_on_and_on'}`.slice(0, 60)

/** A model with six metrics beside its loss. */
const source = `import keras
from keras import layers
model = keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)])
model.compile("adam", "mse", metrics=["mean_absolute_error", "mean_squared_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "root_mean_squared_error", "cosine_similarity"])
`

/** Wants all that lies at some places to have room at every width. */
async function roomy(page: Page, places: string[]) {
  for (const place of places) {
    await page.goto(`${new URL(page.url()).origin}/#/${place}`)
    await expect(page.locator(shown).first()).toBeVisible()
    for (const width of widths) {
      await page.setViewportSize({ width, height: 900 })
      await drawn(page) // charts follow
      await fits(page, `#/${place} at ${width}`)
      await contained(page, `#/${place} at ${width}`)
      if (width === 1400) await page.screenshot({ path: `${artefacts}long-${place.replace(/\W+/g, '-') || 'start'}-${width}.png` })
    }
  }
}

test('names of 60 characters and six metrics have room at every width', async ({ tab, given }) => {
  const { page } = tab
  const models = [await given.model(long('model_a'), { source }), await given.model(long('model_b'), { source })]
  const made = await given.trained(long('topic'), models, { table: table(200) })
  const [one, other] = made.results
  const inference = await given.inference('inference'.padEnd(50, 'x'), one ?? 0, { input_topic: long('input'), output_topic: long('output') })
  const waiting = await given.deployment(made.configuration)
  await roomy(page, [
    '', 'models', `models/${models[0]}`, 'configurations', `configurations/${made.configuration}`, `configurations/${made.configuration}?edit=1`,
    'deployments', `deployments/${made.deployment}`, `deployments/${waiting}`, 'deployments/new', `training/${one}`, `training/compare?ids=${one},${other}`,
    'inference', `inference/${inference}`, `inference/new?result=${one}`, 'datasources', `datasources/${made.datasource}`,
  ])
  // Last, since it takes a processor of the machine.
  const busy = await given.deployment(await given.configuration(long('busy'), models.slice(0, 1)), 'epochs=100000')
  await given.stream(busy, long('topic'), { table: table(100) })
  await tab.go(`#/deployments/${busy}`)
  await expect(tab.heading(/training/)).toBeVisible()
  await roomy(page, [`deployments/${busy}`, 'training'])
  await given.ask(`deploy-training/deployments/${busy}/stop`, { method: 'POST' })
})
