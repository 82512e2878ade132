// The page served by somebody else calls the functions at their URLs.
import { watch } from './checks'
import { expect, test } from './setup'

test('dist/ alone, with a config.json, at another origin', async ({ page, machine, given, digits }) => {
  const { alone } = machine
  const steps = ['model-register', 'deploy-training', 'control-log', 'deploy-inference', 'records']
  alone.config = {
    functions: Object.fromEntries(steps.map((s) => [s, `${machine.url}/${s}`])), predict: `${machine.url}/predict`, brokers: machine.brokers,
    cluster: { namespace: 'kafkaml', server: 'http://page.kafkaml.svc.cluster.local' },
  }
  alone.connect = machine.url
  const found = watch(page, alone.url)
  await page.goto(`${alone.page}#/configurations/new`)
  await page.getByRole('checkbox').first().check()
  await page.getByLabel('Name', { exact: true }).fill('from-elsewhere')
  await page.getByRole('button', { name: 'Create', exact: true }).click() // a command
  await expect(page.getByRole('heading', { name: 'from-elsewhere' })).toBeVisible()
  await given.configuration('seen-elsewhere', digits.models)
  await expect(page.getByRole('link', { name: /^seen-elsewhere/ })).toBeVisible() // a fact
  await page.getByRole('link', { name: /^seen-elsewhere/ }).click()
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: /as command$/ }).last().click()
  await page.getByRole('button', { name: 'kubectl', exact: true }).click() // config.json says that it is a cluster
  await expect(page.getByRole('region', { name: 'kubectl' })).toContainText('kubectl -n kafkaml exec -i')
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await page.goto(`${alone.page}#/models/${digits.models[0]}`)
  await expect(page.locator('.cm-content')).toContainText('keras.Sequential') // the editor's chunk
  await given.predicted(digits.inference, 10)
  await page.goto(`${alone.page}#/inference/${digits.inference}`)
  await page.getByText('Pick a record of its stream').click()
  await page.getByRole('button', { name: 'Predict the record at 0:0, label 5' }).click()
  await expect(page.locator('strong.class')).toHaveText('5') // the predict function
  await expect(page.getByRole('region', { name: 'Predictions' }).getByRole('row').nth(1)).toBeVisible() // its tail
  await page.goto(`${alone.page}#/training/${digits.result}`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'SavedModel' }).click()])
  expect(download.suggestedFilename()).toBe(`digits-result-${digits.result}.zip`)
  expect(found.faults).toEqual([])
  expect(new Set(found.foreign.map((u) => new URL(u).origin))).toEqual(new Set([machine.url]))
})
