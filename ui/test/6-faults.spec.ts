// Functions that die and come back, while the page looks on.
import { expect, test } from './setup'

test('a predict function is killed and back', async ({ own }) => {
  const { machine, given, tab } = await own()
  const { inference } = await given.digits('killed')
  const { page } = tab
  await tab.go(`#/inference/${inference}`)
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible()
  // The first death is mended faster than a page can show it: it dies again
  // until the pause before its next start is long enough to be seen.
  await expect(async () => {
    for (const pid of machine.processes(/kafkaml-predict predict/)) process.kill(pid, 'SIGKILL')
    await expect(tab.heading(/ready 0 of 1/)).toBeVisible({ timeout: 500 })
    await expect(page.getByText('Replicas are starting')).toBeVisible({ timeout: 500 }) // what it means
  }).toPass({ intervals: [0] })
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible()
  await tab.button('Send 100 of mnist').click() // nothing of what is sent to it is lost
  await expect(tab.figure('In, out')).toContainText('100, 100')
  await expect(tab.figure('Lag')).toContainText('0')
})

test('the worker of model-register is killed and back', async ({ own }) => {
  const { machine, tab } = await own()
  const { page } = tab
  await tab.go('#/models/new?example=small-net')
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible()
  for (const pid of machine.processes(/zygote\.py/)) process.kill(pid, 'SIGKILL')
  await page.getByRole('textbox', { name: 'Source' }).click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText('\nmodel.summary()\n')
  await expect(page.getByText('What it printed')).toBeVisible() // it is built anew, by another worker
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible()
  await tab.button('Register').click()
  await expect(tab.heading('small-net')).toBeVisible()
})

test('a training is killed and tried again', async ({ own }) => {
  const { machine, given, tab } = await own()
  const { page } = tab
  const deployment = await given.deployment(await given.configuration('long', [await given.model('long', { example: 'mnist-dense' })]), 'epochs=300')
  await tab.go(`#/deployments/${deployment}`)
  await expect(tab.heading('It waits for a stream')).toBeVisible()
  await tab.button('Send the stream').click()
  await expect(tab.heading(/training/)).toBeVisible()
  await page.getByRole('link', { name: /^long #1/ }).last().click()
  await expect(page.getByText(/Epoch [1-9]\d* of 300/)).toBeVisible()
  machine.kill(/kafkaml-tensorflow train/)
  await expect(tab.heading(/failed/)).toBeVisible()
  await expect(page.getByText('the process was killed (signal 9)')).toBeVisible() // why, and what to do
  await expect(page.getByText('try again')).toBeVisible()
  await tab.button('Retry').click()
  await expect(tab.figure('Attempt')).toContainText('2')
  await expect(page.getByText(/Epoch [1-9]\d* of 300/)).toBeVisible()
  await tab.button('Stop').click()
  await expect(tab.heading(/stopped/)).toBeVisible()
})

test('the broker is killed: the page says so until another runs', async ({ own }) => {
  const { machine, given, tab } = await own('kafka')
  const { configuration, datasource } = await given.trained('before', [await given.model('model')])
  const deployment = await given.deployment(configuration)
  await tab.go('#/training')
  await expect(tab.row(1)).toContainText('finished')
  const killed = machine.kill(/kafka\.Kafka/)
  const another = () => machine.processes(/kafka\.Kafka/).find((pid) => pid !== killed) ?? 0
  await expect.poll(another, { intervals: [20] }).not.toBe(0)
  const held = another()
  process.kill(held, 'SIGSTOP') // so that it is down for long enough to be seen
  const banner = tab.page.getByText('Kafka is down.')
  await expect(banner).toBeVisible()
  await expect(tab.page.getByText('the broker ended and is started again')).toBeVisible()
  process.kill(held, 'SIGCONT')
  await expect(banner).toBeHidden()
  await tab.go(`#/datasources/${datasource}`)
  await tab.page.getByRole('combobox', { name: /^Deployment/ }).selectOption(String(deployment))
  await expect(async () => {
    await tab.button('Send again').click() // the first may meet a connection of the broker before
    await expect(tab.page.getByText(`was sent to deployment ${deployment}`)).toBeVisible({ timeout: 5_000 })
  }).toPass()
  await given.finished(deployment) // on the records that the broker had before
})

test('everything is killed at once: the page says so and goes on without gaps', async ({ own }) => {
  const { machine, given, tab } = await own('kafka')
  const { page } = tab
  const [model] = await given.models('model')
  const { results } = await given.trained('survivor', [model ?? 0])
  const inference = await given.inference('survivor', results[0] ?? 0)
  await tab.go('#/configurations')
  await expect(tab.link(/survivor/)).toBeVisible()
  await machine.stop('SIGKILL')
  await expect(page.getByText('Not connected')).toBeVisible()
  await machine.start()
  await given.configuration('after-the-break', [model ?? 0])
  await expect(page.getByText('Not connected')).toBeHidden()
  await expect(tab.link(/after-the-break/)).toBeVisible() // made while the page was cut off
  await tab.go(`#/inference/${inference}`)
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible() // and what ran, runs
})
