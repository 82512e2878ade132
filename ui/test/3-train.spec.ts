// Training and datasources: curves, comparison, what a result was made of, and
// the stream used again.
import { readFileSync } from 'node:fs'
import { expect, test } from './setup'

test.describe.configure({ mode: 'serial' })

test('a stream is used again, and its records are seen', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/deployments/new?configuration=1')
  await tab.button('Deploy').click()
  await expect(tab.heading('It waits for a stream')).toBeVisible()
  await tab.go('#/datasources')
  const row = tab.link(/^mnist-dense, partition 0 from 0/)
  for (const word of ['RAW', '60,000 records', 'split 80 / 10 / 10', 'expires in', 'available']) await expect(row).toContainText(word)
  await row.click()
  await expect(page.getByRole('img', { name: 'Record with label 5' }).first()).toBeVisible()
  await expect(page.getByText('Labels of the first 5,000 records')).toBeVisible()
  await expect(page.locator('li.chip').first()).toHaveText('0 479')
  await expect(page.locator('dd').filter({ has: tab.link('mnist-dense #1') })).toBeVisible() // used by
  await page.getByRole('combobox', { name: /^Deployment/ }).selectOption({ label: 'mnist-dense #3, waiting' })
  await tab.button('Send again').click()
  await expect(page.getByText('Datasource 1 was sent to deployment 3; no record was copied')).toBeVisible()
  await expect(page.locator('.rows').getByText('#3')).toBeVisible() // it arrives in the list by itself
  await tab.go('#/training')
  await expect(tab.link(/^mnist-dense #4 .*(scheduled|running|finished)/)).toBeVisible()
})

test('curves: shared cursor, smoothing, logarithm, table', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/training/1')
  const [loss, accuracy] = ['loss', 'accuracy'].map((name) => page.getByRole('figure', { name }))
  if (!loss || !accuracy) throw new Error('no charts')
  await expect(loss.locator('canvas')).toBeVisible()
  await expect(accuracy.locator('canvas')).toBeVisible()
  const box = await loss.locator('.u-over').boundingBox()
  if (!box) throw new Error('no plot')
  await page.mouse.move(box.x + 3, box.y + 40) // on the first epoch
  await expect(loss.locator('.u-legend .u-value').first()).toHaveText('1')
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

test('a result can be taken away in every form', async ({ tab }) => {
  const { page } = tab
  const save = async (click: () => Promise<void>) => {
    const [download] = await Promise.all([page.waitForEvent('download'), click()])
    return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) }
  }
  await tab.go('#/training/1')
  const saved = await save(() => tab.link('SavedModel').click())
  expect([saved.name, saved.bytes.subarray(0, 2).toString()]).toEqual(['mnist-dense-result-1.zip', 'PK'])
  const keras = await save(() => page.getByRole('link', { name: '.keras', exact: true }).click())
  expect([keras.name, keras.bytes.subarray(0, 2).toString()]).toEqual(['mnist-dense-result-1.keras', 'PK'])
  const csv = await save(() => tab.button('CSV of all epochs').click())
  expect(csv.bytes.toString().split('\r\n')[0]).toBe('epoch,loss,accuracy,val_loss,val_accuracy,seconds')
  const png = await save(() => tab.button('Save loss as PNG').click())
  expect([png.name, png.bytes.subarray(1, 4).toString()]).toEqual(['result-1-loss.png', 'PNG'])
})

test('a result says how good it is and what it was made of', async ({ tab }) => {
  await tab.go('#/training/1')
  const metrics = tab.region('Metrics')
  await expect(metrics.getByRole('row')).toHaveCount(4)
  await expect(metrics.getByRole('row', { name: /^test/ })).toContainText('6,000')
  await expect(tab.region('Confusion matrix').getByRole('row')).toHaveCount(11)
  await expect(tab.region('Split audit').getByRole('row', { name: /^training 48,000 4,729/ })).toBeVisible()
  const lineage = tab.page.locator('section', { has: tab.heading('Lineage') }).last()
  for (const word of ['mnist-dense, version 1', 'datasource 1', '60,000 records', 'Source SHA-256', 'Records SHA-256', 'Weights SHA-256', 'tensorflow 2']) await expect(lineage).toContainText(word)
  await expect(lineage).toContainText(/Engine\s*(graph|xla)/)
  await tab.page.getByText('Log of the training process').click()
  await expect(tab.page.getByRole('region', { name: 'Log', exact: true })).not.toHaveText('Reading…')
})

test('results are compared with a baseline', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/training')
  await expect(tab.link(/^mnist-dense #4 .*finished/)).toBeVisible({ timeout: 90_000 })
  await tab.link('Compare').click()
  await page.getByLabel('Add a result').selectOption({ label: 'mnist-dense #1' })
  const table = tab.region('Metrics of the results')
  await expect(table.getByRole('row')).toHaveCount(4)
  await table.getByRole('radio', { name: 'Baseline: result 1' }).check()
  await expect(page).toHaveURL(/baseline=1/)
  await expect(table.getByRole('row', { name: /#1/ })).not.toContainText(/[+−±]/)
  await expect(table.getByRole('row', { name: /#4/ })).toContainText(/[+−±]/)
  await expect(page.getByRole('figure', { name: 'loss' }).locator('canvas')).toBeVisible()
})

test('the list of results is filtered', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/deployments/2')
  await tab.link('Show them in Training').click()
  await expect(page.locator('.rows li')).toHaveCount(2)
  await page.getByLabel('Status').selectOption('finished')
  await expect(page.locator('.rows li')).toHaveCount(1)
  await expect(page).toHaveURL(/deployment=2&status=finished/)
  await tab.button('Show the results of all deployments').click()
  await expect(page.locator('.rows li')).toHaveCount(3)
  await expect(page.locator('.rows li svg[role=img]')).toHaveCount(3) // a sparkline each
})
