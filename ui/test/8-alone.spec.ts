// The page served by somebody else calls the functions at their URLs.
import { watch } from './checks'
import { expect, test } from './setup'

test('dist/ alone, with a config.json, at another origin', async ({ browser, machine }) => {
  const { alone } = machine
  const steps = ['model-register', 'deploy-training', 'control-log', 'deploy-inference', 'records']
  alone.config = {
    functions: Object.fromEntries(steps.map((s) => [s, `${machine.url}/${s}`])), predict: `${machine.url}/predict`, brokers: machine.brokers,
    cluster: { namespace: 'kafkaml', server: 'http://page.kafkaml.svc.cluster.local' },
  }
  alone.connect = machine.url
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  const found = watch(page, alone.url)
  await page.goto(`${alone.page}#/configurations/new`)
  await page.getByRole('checkbox').first().check()
  await page.getByLabel('Name', { exact: true }).fill('from-elsewhere')
  await page.getByRole('button', { name: 'Create', exact: true }).click() // a command
  await expect(page.getByRole('heading', { name: 'from-elsewhere' })).toBeVisible()
  const made = await page.request.post(`${machine.url}/model-register/configurations`, { data: { name: 'seen-elsewhere', models: [1] } })
  expect(made.status()).toBe(201)
  await expect(page.getByRole('link', { name: /^seen-elsewhere/ })).toBeVisible() // a fact
  await page.getByRole('link', { name: /^seen-elsewhere/ }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: /as command$/ }).last().click()
  await page.getByRole('button', { name: 'kubectl', exact: true }).click() // config.json says that it is a cluster
  await expect(page.getByRole('region', { name: 'kubectl' })).toContainText('kubectl -n kafkaml exec -i')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await page.goto(`${alone.page}#/models/1`)
  await expect(page.locator('.cm-content')).toContainText('keras.Sequential') // the editor's chunk
  await page.goto(`${alone.page}#/inference/1`)
  await page.getByText('Pick a record of its stream').click()
  await page.getByRole('button', { name: 'Predict the record at 0:0, label 5' }).click()
  await expect(page.locator('strong.class')).toHaveText('5') // the predict function
  await expect(page.getByRole('region', { name: 'Predictions' }).getByRole('row').nth(1)).toBeVisible() // its tail
  await page.goto(`${alone.page}#/training/1`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'SavedModel' }).click()])
  expect(download.suggestedFilename()).toBe('mnist-dense-result-1.zip')
  expect(found.faults).toEqual([])
  expect(new Set(found.foreign.map((u) => new URL(u).origin))).toEqual(new Set([machine.url]))
  await context.close()
})
