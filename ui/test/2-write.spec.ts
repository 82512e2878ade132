// Models, configurations and deployments: what their forms and details do.
import { accessible } from './checks'
import { expect, test } from './setup'

test('the source is checked as it is written, an error stands at its line', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/models/new')
  await page.getByLabel('Name').fill('broken')
  await page.getByRole('textbox', { name: 'Source' }).click()
  await page.keyboard.insertText('model = keras.Sequential([keras.Input((3,))])\nmodel.add(layers.Dense("four"))\nmodel.compile("adam", "mse")\n')
  await expect(page.getByText('source, line 2')).toBeVisible()
  await expect(page.locator('.cm-lintRange-error')).toHaveText(/Dense\("four"\)/)
  await accessible(page, 'model form with an error', ['dark'])
  await page.keyboard.press('Control+A')
  await page.keyboard.insertText('model = keras.Sequential([keras.Input((3,)), layers.Dense(4)])\nmodel.compile("adam", "mse")\n')
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible()
  await expect(page.locator('.cm-lintRange-error')).toHaveCount(0)
  await expect(tab.region('Layers').getByRole('row', { name: /Dense \(None, 4\) 16/ })).toBeVisible() // before anything is kept
})

test('a model that was trained elsewhere is imported from its file, and refused with what to do', async ({ tab }) => {
  const { page } = tab
  const files = new URL('../../shared/framework/onnx/onnximport/testdata/', import.meta.url).pathname
  await tab.go('#/models')
  await tab.link('Import').first().click()
  await page.getByLabel('File').setInputFiles(`${files}zipmap.onnx`)
  await expect(page.getByLabel('Name')).toHaveValue('zipmap')
  await tab.button('Import').click()
  await expect(page.getByText('convert it with zipmap=False')).toBeVisible()
  await accessible(page, 'import with an error', ['dark'])
  await page.getByLabel('File').setInputFiles(`${files}forest.onnx`)
  await tab.button('Import').click()
  await tab.said('Imported forest')
  const from = tab.region('Imported')
  for (const word of ['forest.onnx', '4.3 kB', 'an ONNX file has no training step']) await expect(from).toContainText(word)
  await expect(tab.link('Use in a configuration')).toHaveCount(0)
  await tab.link(/^Result \d+$/).click()
  await expect(page.getByText('imported from forest.onnx, onnx, 4.3 kB')).toBeVisible()
  await expect(tab.link('Deploy for inference')).toBeVisible()
  await tab.link('Compare with others').click()
  await expect(tab.region('Metrics of the results').getByRole('row', { name: /forest/ })).toContainText('4.3 kB')
})

test('what is not saved is not lost by a click', async ({ tab }) => {
  const { page } = tab
  await tab.go('#/models/new')
  await page.getByLabel('Name').fill('broken')
  let asked = ''
  page.once('dialog', (d) => {
    asked = d.message()
    void d.dismiss()
  })
  await tab.link('Configurations').first().click()
  await expect.poll(() => asked).toContain('Leave without saving?')
  await expect(page).toHaveURL(/#\/models\/new/)
  await expect(page.getByLabel('Name')).toHaveValue('broken')
  page.once('dialog', (d) => void d.accept())
  await tab.go('#/')
})

test('a model is changed, compared with what it was, and duplicated', async ({ tab, given }) => {
  const { page } = tab
  const model = await given.model('changed', { example: 'mnist-dense' })
  await given.configuration('of-changed', [model])
  await tab.go('#/models')
  const row = tab.row(model)
  for (const word of ['28 × 28 → 10', '101,770 parameters', 'tensorflow', 'used by 1 configuration']) await expect(row).toContainText(word)
  await expect(row.locator('time')).toHaveAttribute('title', /\d{4}/) // the absolute time
  await row.click()
  await tab.link('Duplicate').click()
  await expect(page.getByLabel('Name')).toHaveValue('changed-copy')
  await tab.button('Register').click()
  await expect(tab.heading('changed-copy')).toBeVisible()
  await tab.button('Edit').click()
  await page.getByRole('textbox', { name: 'Source' }).click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText('model.summary()\n')
  await tab.button('Save').click()
  await expect(page.getByText('Version 2 ·')).toBeVisible()
  await page.getByText('Versions: what changed').click()
  await expect(page.locator('.cm-changedLine')).toContainText('model.summary()')
  await page.getByText('What it printed').click()
  await expect(tab.region('Printed')).toContainText('Total params')
})

test('a configuration picks among the models that are found', async ({ tab, given }) => {
  const { page } = tab
  const [first] = await given.models('pick', 'pick-another')
  await given.configuration('picked', [first ?? 0])
  await tab.go('#/configurations/new')
  await tab.button('Create').click()
  await expect(page.getByRole('alert').first()).toContainText('The name is missing.') // at its field
  await page.getByRole('checkbox', { name: /^pick / }).check()
  await page.getByLabel('Find a model').fill('another')
  await expect(page.getByRole('checkbox')).toHaveCount(1)
  await page.getByRole('checkbox').check()
  await expect(page.getByText('2 models picked')).toBeVisible() // the one that is not shown is kept
  await page.getByLabel('Name', { exact: true }).fill('picked')
  await tab.button('Create').click()
  await expect(page.getByRole('alert').first()).toContainText('is already named') // the server's word, at the field
  await page.getByLabel('Name', { exact: true }).fill('picked-both')
  await tab.button('Create').click()
  await expect(tab.heading('picked-both')).toBeVisible()
  const row = tab.link(/^picked-both/)
  await expect(row.locator('.chip')).toHaveText(['pick', 'pick-another'])
  await expect(row).toContainText('0 deployments')
})

test('a deployment: fields and Keras text in step, refusals at the field', async ({ tab, given }) => {
  const { page } = tab
  const configuration = await given.configuration('fields', await given.models('fields-a', 'fields-b'))
  await tab.go(`#/configurations/${configuration}`)
  await tab.link('Deploy for training').click()
  const text = page.getByLabel('The same as Keras text')
  await page.getByLabel('Epochs', { exact: true }).fill('3')
  await expect(text).toHaveValue('epochs=3')
  await text.fill('epochs=4, shuffle=False')
  await expect(page.getByLabel('Epochs', { exact: true })).toHaveValue('4')
  await expect(page.getByLabel('Shuffle')).toHaveValue('False')
  await text.fill('epochs=4, steps=2')
  await tab.button('Deploy').click()
  await expect(page.getByRole('alert').first()).toContainText('steps')
  await text.fill('epochs=60')
  await tab.button('Deploy').click()
  await expect(tab.heading('It waits for a stream')).toBeVisible()
  await expect(tab.link(/^fields #\d+/)).toContainText('0 of 2 results')
})

test('a deployment: fields of drifts and of a schedule, where they mean something', async ({ tab, given }) => {
  const { page } = tab
  const configuration = await given.configuration('onward', await given.models('onward'))
  const following = await given.make('deploy-training/deployments', { configuration, batch_size: 32, mode: 'stream', drift: 'adwin' })
  await tab.go(`#/deployments/new?configuration=${configuration}`)
  const field = (name: string) => page.locator(`[name="${name}"]`)
  for (const name of ['window', 'metric', 'margin', 'drift_rate', 'drift_records']) await expect(field(name)).toHaveCount(0)
  await field('mode').selectOption('stream')
  await expect(field('training_kwargs')).toHaveValue('') // it has no epochs
  await field('drift').selectOption('adwin')
  await field('on_drift').selectOption('rate')
  await field('drift_rate').fill('-1')
  await tab.button('Deploy').click()
  await expect(page.locator('.field', { has: field('drift_rate') }).getByRole('alert')).toBeVisible()
  await field('drift_rate').fill('2.5')
  await field('drift_records').fill('200')
  await tab.button('Deploy').click()
  await expect(page.getByText('adwin, rate times 2.5 for 200 records')).toBeVisible()
  await tab.go(`#/deployments/new?configuration=${configuration}`)
  await field('on_drift_of').selectOption(String(following))
  await tab.button('Deploy').click()
  await expect(page.locator('.field', { has: field('window') }).getByRole('alert')).toContainText('is missing')
  await field('window').fill('100records')
  await field('alias').fill('champion')
  await field('metric').fill('lost')
  await field('margin').fill('0.01')
  await tab.button('Deploy').click()
  await expect(page.locator('.field', { has: field('metric') }).getByRole('alert')).toContainText('"lost"')
  await field('metric').fill('loss')
  await tab.button('Deploy').click()
  await expect(tab.heading('It trains again by itself')).toBeVisible()
  const { items } = await given.get<{ items: object[] }>('deploy-training/deployments')
  expect(items[0]).toMatchObject({ on_drift_of: following, window: '100records', alias: 'champion', metric: 'loss', margin: 0.01 })
})

test('a deployment: commands filled in, stop, retry, log, delete', async ({ tab, given, digits }) => {
  const { page } = tab
  const models = [await given.model('ended-a', { example: 'mnist-dense' }), await given.model('ended-b', { example: 'mnist-dense' })]
  const id = await given.deployment(await given.configuration('ended', models), 'epochs=100000') // it trains until it is stopped
  await tab.go(`#/deployments/${id}`)
  await page.getByText('From a terminal or a program').click()
  await expect(page.getByText(`--deployment ${id}`).first()).toBeVisible()
  await tab.button('control message').click()
  await tab.button('Copy the control message command').click()
  const message = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as object
  expect(message).toMatchObject({ deployment_id: id, input_format: 'RAW', input_config: { data_reshape: '28 28' } })
  await page.getByRole('spinbutton', { name: 'Records' }).fill('2000')
  await tab.button('Send the stream').click()
  await expect(tab.heading(/ended #\d+ training/)).toBeVisible()
  await tab.button('Stop').click()
  await expect(tab.heading(/ended #\d+ stopped/)).toBeVisible()
  await tab.button('Retry').first().click()
  await expect(tab.heading(/ended #\d+ training/)).toBeVisible()
  const results = tab.region('Results').first()
  await expect(results.getByRole('row', { name: /stopped/ })).toHaveCount(1)
  await expect(results.getByRole('row', { name: /running/ })).toBeVisible()
  await tab.button('Stop').click()
  await expect(results.getByRole('row', { name: /stopped/ })).toHaveCount(2)
  await tab.button('Log').first().click()
  await expect(tab.region(/^Log of result/)).not.toBeEmpty()
  await tab.button('Delete').click()
  await expect(page.getByRole('dialog')).toContainText('2 results and their trained models go with it.')
  await tab.button('Keep it').click()
  await tab.go(`#/deployments/${digits.deployment}`)
  await expect(results.getByRole('row', { name: /finished 5\/5/ })).toBeVisible()
})
