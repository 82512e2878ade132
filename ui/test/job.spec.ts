// The whole main job, by clicks, from an empty start to predictions.
import { expect, test, type Page } from '@playwright/test'
import { execFileSync } from 'node:child_process'
import { accessible, fits, tabs, watchConsole } from './checks'
import { Machine } from './machine'

test.describe.configure({ mode: 'serial' })
const machine = new Machine()
let page: Page
let faults: () => string[]
const artefacts = new URL('artefacts/', import.meta.url).pathname

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  await machine.start()
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, permissions: ['clipboard-read', 'clipboard-write'] })
  page = await context.newPage()
  faults = watchConsole(page)
  await page.goto(machine.url)
})
test.afterAll(async () => {
  test.setTimeout(60_000)
  await machine.remove()
})
test.afterEach(() => expect(faults(), 'the console').toEqual([]))

const go = (hash: string) => page.goto(`${machine.url}/${hash}`)
const button = (name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' })

test('every tab says what to do when there is nothing', async () => {
  await expect(page.getByRole('heading', { name: 'Your pipeline' })).toBeVisible()
  await accessible(page, 'start', ['light'])
  const next = { models: 'No models yet', configurations: 'Register a model first', deployments: 'Make a configuration first', training: 'No results yet', inference: 'Finish a training first', datasources: 'No stream has been announced yet' }
  for (const tab of tabs) {
    await page.getByRole('navigation', { name: 'Tabs' }).getByRole('link', { name: tab, exact: false }).click()
    await expect(page.getByRole('heading', { name: next[tab] })).toBeVisible()
    await accessible(page, tab, ['light'])
  }
})

test('an error in the source stands at its line', async () => {
  await go('#/models/new')
  await page.getByLabel('Name').fill('broken')
  const source = page.getByRole('textbox', { name: 'Source' })
  await source.click()
  await page.keyboard.insertText('model = keras.Sequential([keras.Input((3,))])\nmodel.add(layers.Dense("four"))\nmodel.compile("adam", "mse")\n')
  await button('Check').click()
  await expect(page.getByText('source, line 2')).toBeVisible({ timeout: 60_000 })
  await expect(page.locator('.cm-lintRange-error')).toHaveText(/Dense\("four"\)/)
  await accessible(page, 'model form with an error', ['dark'])
  page.once('dialog', (d) => void d.accept())
  await go('#/')
})

test('a model from an example', async () => {
  await page.getByRole('link', { name: 'Write or pick a model' }).click()
  await page.getByRole('link', { name: /mnist-dense/ }).click()
  await expect(page.getByLabel('Name')).toHaveValue('mnist-dense')
  await button('Register').click()
  await expect(page.getByText('101,770').first()).toBeVisible({ timeout: 60_000 })
})

test('a configuration, a deployment, a stream', async () => {
  await page.getByRole('link', { name: 'Use in a configuration' }).click()
  await button('Create').click()
  await expect(page.getByRole('alert').first()).toContainText(/name/i) // the field says what is missing
  await page.getByLabel('Name').fill('digits')
  await button('Create').click()
  await page.getByRole('link', { name: 'Deploy for training' }).click()
  await page.getByLabel('Epochs', { exact: true }).fill('3')
  await expect(page.getByLabel('The same as Keras text')).toHaveValue('epochs=3')
  await page.getByLabel('The same as Keras text').fill('epochs=4, shuffle=True')
  await expect(page.getByLabel('Epochs', { exact: true })).toHaveValue('4')
  await button('Deploy').click()
  await expect(page.getByRole('heading', { name: 'It waits for a stream' })).toBeVisible()
  await page.getByText('From a terminal or a program').click()
  await expect(page.getByText('--deployment 1').first()).toBeVisible()
  await button('Send the stream').click()
  await expect(page.getByText(/Sent 60,000 records/)).toBeVisible({ timeout: 60_000 })
})

test('curves grow while it trains', async () => {
  await page.getByRole('link', { name: /mnist-dense #1/ }).click()
  await expect(page.getByRole('figure', { name: 'loss' })).toBeVisible({ timeout: 90_000 })
  await expect(page.getByRole('heading', { name: /mnist-dense #1 running/ })).toBeVisible() // epochs came before the end
  await expect(page.getByRole('heading', { name: /mnist-dense #1 finished/ })).toBeVisible({ timeout: 90_000 })
  const loss = page.getByRole('figure', { name: 'loss' })
  await loss.getByRole('button', { name: 'Table' }).click()
  await expect(loss.getByRole('row')).toHaveCount(5)
  await expect(page.getByRole('region', { name: 'Confusion matrix' })).toBeVisible()
  for (const name of ['SavedModel', '.keras']) {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name, exact: true }).click()])
    expect(download.suggestedFilename()).toMatch(/^mnist-dense-result-1\.(zip|keras)$/)
  }
})

test('predictions, drawn and through the topics', async () => {
  await page.getByRole('link', { name: 'Deploy for inference' }).click()
  await expect(page.getByLabel('Input config')).toHaveValue(/"data_reshape": "28 28"/)
  await button('Deploy').click()
  const canvas = page.getByLabel(/Draw here/)
  await expect(canvas).toBeVisible({ timeout: 90_000 })
  await canvas.scrollIntoViewIfNeeded()
  const box = await canvas.boundingBox()
  if (!box) throw new Error('no canvas')
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.8, { steps: 12 })
  await page.mouse.up()
  await expect(page.locator('strong.class')).toHaveText('1') // a stroke from top to bottom
  await page.getByText('Pick a record of its stream').click()
  await button('Predict the record at 0:0, label 5').click()
  await expect(page.locator('strong.class')).toHaveText('5')
  await button('Send it to result-1-in').click()
  await button('Send 100 of mnist').click()
  const rows = page.getByRole('region', { name: 'Predictions' }).getByRole('row')
  await expect(rows).toHaveCount(51, { timeout: 60_000 })
  })

test('a stream is used again, and its records are seen', async () => {
  await go('#/deployments/new')
  await button('Deploy').click()
  await expect(page.getByRole('heading', { name: 'It waits for a stream' })).toBeVisible()
  await go('#/datasources/1')
  await expect(page.getByRole('img', { name: 'Record with label 5' }).first()).toBeVisible()
  await button('Send again').click()
  await expect(page.getByText('Datasource 1 was sent to deployment 2')).toBeVisible()
  await go('#/training')
  await expect(page.getByRole('link', { name: /mnist-dense #2 (scheduled|running|finished)/ })).toBeVisible()
})

test('what is deleted can be had back, and what is used says so', async () => {
  await go('#/models/1')
  await button('Delete').click()
  await expect(page.getByRole('heading', { name: 'model mnist-dense is in use' })).toBeVisible()
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await go('#/configurations/new')
  await page.getByLabel('Name').fill('spare')
  await page.getByRole('checkbox').check()
  await button('Create').click()
  await button('Delete').click()
  await button('Delete configuration spare').click()
  await expect(page.getByRole('link', { name: /spare/ })).toHaveCount(0)
  await button(/Undo/).click()
  await expect(page.getByRole('link', { name: /spare/ })).toBeVisible()
})

test('an action as a command does what the button does', async () => {
  await go('#/configurations/new')
  await page.getByLabel('Name').fill('by-curl')
  await page.getByRole('checkbox').check()
  await button('Create the configuration as command').click()
  await page.getByRole('dialog').getByRole('button', { name: /^Copy/ }).click()
  const command = await page.evaluate(() => navigator.clipboard.readText())
  execFileSync('bash', ['-c', `${command} -sf`])
  page.once('dialog', (d) => void d.accept())
  await go('#/configurations')
  await expect(page.getByRole('link', { name: /by-curl/ })).toBeVisible() // by the stream of facts
})

test('all of it by keyboard', async () => {
  await go('#/')
  await page.keyboard.press('g')
  await page.keyboard.press('m')
  await expect(page).toHaveURL(/#\/models$/)
  await page.keyboard.press('/')
  await page.keyboard.type('nothing like it')
  await expect(page.getByText('Nothing matches.')).toBeVisible()
  await expect(page).toHaveURL(/q=nothing/)
  await page.getByRole('searchbox').blur()
  await page.keyboard.press('?')
  await expect(page.getByRole('heading', { name: 'Keyboard' })).toBeVisible()
  await page.keyboard.press('Escape')
  await page.goBack()
  await expect(page.getByRole('heading', { name: 'Your pipeline' })).toBeVisible()
})

test('a lost connection comes back without gaps', async () => {
  await go('#/configurations')
  await machine.stop()
  await expect(page.getByText('Not connected')).toBeVisible()
  await machine.start()
  await expect(page.getByText('Not connected')).toBeHidden({ timeout: 60_000 })
  const answer = await page.request.post(`${machine.url}/model-register/configurations`, { data: { name: 'after-the-break', models: [1] } })
  expect(answer.status()).toBe(201)
  await expect(page.getByRole('link', { name: /after-the-break/ })).toBeVisible()
})

test('every tab is sound at every size, in both schemes', async () => {
  test.setTimeout(240_000)
  const waits = await page.request.post(`${machine.url}/deploy-training/deployments`, { data: { configuration: 1, batch_size: 32, training_kwargs: 'epochs=5', validation_kwargs: '' } })
  expect(waits.status(), await waits.text()).toBe(201)
  const { id } = (await waits.json()) as { id: number }
  await go(`#/deployments/${id}`)
  await expect(page.getByRole('link', { name: 'mnist-dense #3' })).toBeVisible() // somebody else's deployment, by its facts
  const places = { start: '', ...Object.fromEntries(tabs.map((t) => [t, t])), model: 'models/1', form: 'deployments/new', deployment: 'deployments/1', result: 'training/1', compare: 'training/compare?ids=1,2', inference1: 'inference/1', waiting: `deployments/${id}`, serve: 'inference/new?result=1', write: 'models/new?example=mnist-cnn', datasource: 'datasources/1' }
  for (const [name, place] of Object.entries(places)) {
    await go(`#/${place}`)
    await page.waitForTimeout(300) // let charts be drawn
    await accessible(page, name)
    for (const [width, height, colorScheme] of [[360, 780, 'light'], [1280, 900, 'dark'], [2560, 1400, 'light']] as const) {
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme })
      await fits(page, `${name} at ${width}`)
      await page.screenshot({ path: `${artefacts}${name}-${width}-${colorScheme}.png`, fullPage: width < 2000 })
    }
    await page.setViewportSize({ width: 1280, height: 900 })
  }
})
