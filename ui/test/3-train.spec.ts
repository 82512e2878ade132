// Training and datasources: curves, comparison, what a result was made of, and
// the stream used again.
import { readFileSync } from 'node:fs'
import { table } from './given'
import { expect, test } from './setup'

test('a stream is used again, and its records are seen', async ({ tab, given, digits }) => {
  const { page } = tab
  const waiting = await given.deployment(await given.configuration('again', digits.models))
  await tab.go('#/datasources')
  const row = tab.row(digits.datasource)
  for (const word of ['digits, partition 0 from 0', 'RAW', '60,000 records', 'split 80 / 10 / 10', 'expires in', 'available']) await expect(row).toContainText(word)
  await row.click()
  await expect(page.getByRole('img', { name: 'Record with label 5' }).first()).toBeVisible()
  await expect(page.getByText('Labels of the first 5,000 records')).toBeVisible()
  await expect(page.locator('li.chip').first()).toHaveText('0 479')
  await expect(page.locator('dd').filter({ has: tab.link(`digits #${digits.result}`) })).toBeVisible() // used by
  await page.getByRole('combobox', { name: /^Deployment/ }).selectOption({ label: `again #${waiting}, waiting` })
  await tab.button('Send again').click()
  await tab.said(`Datasource ${digits.datasource} was sent to deployment ${waiting}; no record was copied`)
  await expect(tab.row(await given.datasource(waiting))).toBeVisible() // it arrives in the list by itself
  const [result] = await given.finished(waiting)
  await tab.go('#/training')
  await expect(tab.row(result ?? 0)).toContainText('finished')
})

test('a study: its form, its trials, the best first, and their lines; what its source asks hp for', async ({ tab, given }) => {
  const { page } = tab
  const source = `import keras
def build(hp):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(hp.Int("units", 4, 12, step=4)), keras.layers.Dense(2, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
`
  const model = await given.model('searched', { source })
  await tab.go(`#/models/${model}`)
  await expect(page.getByText('hp.units=int(4,12,4)')).toBeVisible()
  await tab.go(`#/configurations/${await given.configuration('searched', [model, ...(await given.models('bare'))])}`)
  await tab.link('Search its values').click()
  await page.getByRole('checkbox', { name: 'learning_rate' }).uncheck()
  await page.getByRole('checkbox', { name: 'batch_size' }).check()
  await page.getByLabel('batch_size: choices').fill('few')
  await page.getByRole('checkbox', { name: 'hp.units' }).check()
  await page.getByLabel('hp.units: to').fill('8')
  await page.getByLabel('Values by').selectOption('grid')
  await tab.button('Start the study').click()
  await expect(page.getByText('batch_size is a whole number from 1')).toBeVisible()
  await page.getByLabel('batch_size: choices').fill('8')
  await tab.button('Start the study as command').click()
  await tab.button('kafkaml').click()
  await expect(page.getByRole('dialog')).toContainText("--space 'batch_size=[8], hp.units=int(4,8,4)'")
  await page.keyboard.press('Escape')
  await tab.button('Start the study').click()
  await expect(page.getByRole('heading', { name: /^Study #\d+ waiting$/ })).toBeVisible()
  await given.stream(Number(page.url().split('/').pop()), 'searched', { table: table(60) })
  await expect(page.getByText('3 of 3 trials by grid;')).toBeVisible()
  const rows = tab.region('Trials').getByRole('row')
  await expect(rows).toHaveCount(4) // a head, three trials
  const values = (await Promise.all([1, 2, 3].map((i) => rows.nth(i).getByRole('cell').first().textContent()))).map(Number)
  expect(values).toEqual(values.toSorted((a, b) => b - a))
  await expect(rows.filter({ hasText: 'model=bare' })).toHaveCount(1)
  await expect(page.getByRole('img', { name: 'A line for each trial' }).locator('polyline')).toHaveCount(3)
  await rows.filter({ hasText: 'model=searched' }).first().getByRole('link').click()
  await expect(page.getByText(/built with\s+hp.units=\d+/)).toBeVisible()
})

test('curves: shared cursor, smoothing, logarithm, table', async ({ tab, digits }) => {
  const { page } = tab
  await tab.go(`#/training/${digits.result}`)
  const [loss, accuracy] = ['loss', 'accuracy'].map((name) => page.getByRole('figure', { name }))
  if (!loss || !accuracy) throw new Error('no charts')
  await expect(loss.locator('canvas')).toBeVisible()
  await expect(accuracy.locator('canvas')).toBeVisible()
  await expect(async () => { // again where the plot moved under the cursor
    await loss.locator('.u-over').hover({ position: { x: 3, y: 40 } }) // on the first epoch
    await expect(loss.locator('.u-legend .u-value').first()).toHaveText('1', { timeout: 2_000 })
  }).toPass()
  await expect(accuracy.locator('.u-legend .u-value').first()).toHaveText('1') // the cursor is shared
  await page.getByLabel('Smoothing').fill('0.5')
  await page.getByLabel('logarithmic').check()
  await expect(page).toHaveURL(/smooth=0.5&log=1/) // somebody else sees the same
  await page.reload()
  await expect(page.getByLabel('logarithmic')).toBeChecked()
  await loss.getByRole('button', { name: 'Table' }).click()
  await expect(loss.getByRole('row')).toHaveCount(6) // a head, five epochs
  await accuracy.getByRole('button', { name: 'Table' }).click()
  await expect(accuracy.getByRole('columnheader')).toHaveText(['epoch', 'training', 'validation'])
  await loss.getByRole('button', { name: 'Chart' }).click()
})

test('a result can be taken away in every form', async ({ tab, digits }) => {
  const { page } = tab
  const save = async (click: () => Promise<void>) => {
    const [download] = await Promise.all([page.waitForEvent('download'), click()])
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }
  const name = `digits-result-${digits.result}`
  await tab.go(`#/training/${digits.result}`)
  const saved = await save(() => tab.link('SavedModel').click())
  expect([saved.name, saved.bytes.subarray(0, 2).toString()]).toEqual([`${name}.zip`, 'PK'])
  const keras = await save(() => page.getByRole('link', { name: '.keras', exact: true }).click())
  expect([keras.name, keras.bytes.subarray(0, 2).toString()]).toEqual([`${name}.keras`, 'PK'])
  const formats = tab.region('More formats')
  await formats.getByRole('button', { name: 'Make TFLite, int8', exact: true }).click()
  await expect(formats.getByRole('row', { name: /^TFLite whole numbers/ })).toContainText(/accuracy .* before .* records of the test split/)
  const lite = await save(() => formats.getByRole('link', { name: 'Download TFLite, int8', exact: true }).click())
  expect([lite.name, lite.bytes.subarray(4, 8).toString()]).toEqual([`${name}-int8.tflite`, 'TFL3'])
  const inC = await save(() => formats.getByRole('link', { name: 'Download TFLite for C, int8', exact: true }).click())
  expect([inC.name, inC.bytes.toString().includes('alignas(16) const unsigned char')]).toEqual([`${name}-int8.h`, true])
  const csv = await save(() => tab.button('CSV of all epochs').click())
  expect(csv.bytes.toString().split('\r\n')[0]).toBe('epoch,loss,accuracy,val_loss,val_accuracy,seconds')
  const png = await save(() => tab.button('Save loss as PNG').click())
  expect([png.name, png.bytes.subarray(1, 4).toString()]).toEqual([`result-${digits.result}-loss.png`, 'PNG'])
})

test('a result says how good it is and what it was made of', async ({ tab, digits }) => {
  await tab.go(`#/training/${digits.result}`)
  const metrics = tab.region('Metrics')
  await expect(metrics.getByRole('row')).toHaveCount(4)
  await expect(metrics.getByRole('row', { name: /^test/ })).toContainText('6,000')
  await expect(tab.region('Confusion matrix').getByRole('row')).toHaveCount(11)
  await expect(tab.region('Split audit').getByRole('row', { name: /^training 48,000 4,729/ })).toBeVisible()
  const lineage = tab.page.locator('section', { has: tab.heading('Lineage') }).last()
  for (const word of ['digits, version 1', `datasource ${digits.datasource}`, '60,000 records', 'Source SHA-256', 'Records SHA-256', 'Weights SHA-256', 'tensorflow 2']) await expect(lineage).toContainText(word)
  await expect(lineage).toContainText(/Engine\s*(graph|xla)/)
  await tab.page.getByText('Log of the training process').click()
  await expect(tab.page.getByRole('region', { name: 'Log', exact: true })).not.toHaveText('Reading…')
})

test('results are compared with a baseline', async ({ tab, given }) => {
  const { page } = tab
  const { results } = await given.trained('versus', await given.models('versus-a', 'versus-b'))
  await tab.go('#/training')
  await tab.link('Compare').click() // the two newest
  const table = tab.region('Metrics of the results')
  await expect(table.getByRole('row')).toHaveCount(3)
  await tab.go(`#/training/compare?ids=${results[0]}`)
  await expect(table.getByRole('row')).toHaveCount(2)
  await page.getByLabel('Add a result').selectOption({ label: `versus-b #${results[1]}` })
  await expect(table.getByRole('row')).toHaveCount(3)
  await table.getByRole('radio', { name: `Baseline: result ${results[1]}` }).check()
  await expect(page).toHaveURL(new RegExp(`baseline=${results[1]}`))
  await expect(table.getByRole('row', { name: /versus-b/ })).not.toContainText(/[+−±]\d/)
  await expect(table.getByRole('row', { name: /versus-a/ })).toContainText(/[+−±]\d/)
  await expect(page.getByRole('figure', { name: 'loss' }).locator('canvas')).toBeVisible()
})

test('the list of results is filtered', async ({ tab, given }) => {
  const { page } = tab
  const models = await given.models('filtered-a', 'filtered-b')
  const { configuration, deployment } = await given.trained('filtered', models)
  const waiting = await given.deployment(configuration)
  await tab.go(`#/deployments/${deployment}`)
  await tab.link('Show them in Training').click()
  const rows = page.locator('.rows li')
  await expect(rows).toHaveCount(2)
  await expect(page.locator('.rows li svg[role=img]')).toHaveCount(2) // a sparkline each
  await page.getByLabel('Status').selectOption('waiting')
  await expect(page.getByText('Nothing matches.')).toBeVisible()
  await expect(page).toHaveURL(new RegExp(`deployment=${deployment}&status=waiting`))
  await tab.button('Show the results of all deployments').click()
  await page.getByRole('searchbox').fill('filtered')
  await expect(rows).toHaveCount(2)
  await expect(rows.getByText('waiting')).toHaveCount(2)
  await page.getByLabel('Status').selectOption('any status')
  await expect(rows).toHaveCount(4)
  await tab.go(`#/training?deployment=${waiting}&status=waiting`) // as a link that somebody sent
  await expect(rows).toHaveCount(2)
})
