// Functions that die and come back, while the page looks on.
import { expect, test } from './setup'

test.describe.configure({ mode: 'serial' })

test('a predict function is killed and back', async ({ machine, tab }) => {
  const { page } = tab
  await tab.go('#/inference/1')
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible({ timeout: 30_000 })
  machine.kill(/kafkaml-tensorflow predict/)
  await expect(tab.heading(/ready 0 of 1/)).toBeVisible()
  await expect(page.getByText('Replicas are starting')).toBeVisible() // what it means
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible({ timeout: 60_000 })
  await tab.button('Send 100 of mnist').click() // nothing of what is sent to it is lost
  const lag = page.locator('div', { has: page.locator('dt', { hasText: 'Lag' }) }).last()
  await expect(lag).toContainText('0', { timeout: 30_000 })
})

test('the worker of model-register is killed and back', async ({ machine, tab }) => {
  const { page } = tab
  await tab.go('#/models/new?example=small-net')
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible({ timeout: 60_000 })
  for (const pid of machine.processes(/zygote\.py/)) process.kill(pid, 'SIGKILL')
  await page.getByRole('textbox', { name: 'Source' }).click()
  await page.keyboard.press('Control+End')
  await page.keyboard.insertText('\nmodel.summary()\n')
  await expect(page.getByText('It builds.', { exact: true })).toBeHidden()
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible({ timeout: 90_000 })
  await tab.button('Register').click()
  await expect(tab.heading('small-net')).toBeVisible({ timeout: 60_000 })
})

test('a training is killed and tried again', async ({ machine, tab }) => {
  const { page } = tab
  await tab.go('#/deployments/new?configuration=1')
  await page.getByLabel('Epochs', { exact: true }).fill('30')
  await tab.button('Deploy').click()
  await expect(tab.heading('It waits for a stream')).toBeVisible()
  await tab.button('Send the stream').click()
  await expect(tab.heading(/training/)).toBeVisible({ timeout: 60_000 })
  await page.getByRole('link', { name: /^mnist-dense #5/ }).last().click()
  await expect(page.getByText(/Epoch [1-9]\d* of 30/)).toBeVisible({ timeout: 60_000 })
  machine.kill(/kafkaml-tensorflow train/)
  await expect(tab.heading(/failed/)).toBeVisible({ timeout: 30_000 })
  await expect(page.getByText('the process was killed (signal 9)')).toBeVisible() // why, and what to do
  await expect(page.getByText('try again')).toBeVisible()
  await tab.button('Retry').click()
  const attempt = page.locator('div', { has: page.locator('dt', { hasText: 'Attempt' }) }).last()
  await expect(attempt).toContainText('2')
  await expect(page.getByText(/Epoch [1-9]\d* of 30/)).toBeVisible({ timeout: 60_000 })
  await tab.button('Stop').click()
  await expect(tab.heading(/stopped/)).toBeVisible()
})

test('everything is killed at once: the page says so and goes on without gaps', async ({ machine, tab }) => {
  const { page } = tab
  await tab.go('#/configurations')
  await machine.stop('SIGKILL')
  await expect(page.getByText('Not connected')).toBeVisible()
  await machine.start()
  const answer = await page.request.post(`${machine.url}/model-register/configurations`, { data: { name: 'after-the-break', models: [1] } })
  expect(answer.status(), await answer.text()).toBe(201)
  await expect(page.getByText('Not connected')).toBeHidden({ timeout: 60_000 })
  await expect(tab.link(/after-the-break/)).toBeVisible() // made while the page was cut off
  await tab.go('#/inference/1')
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible({ timeout: 60_000 }) // and what ran, runs
})
