// The main job, by mouse alone, from an empty start to predictions in the tail.
import { accessible, steady, tabs } from './checks'
import { artefacts, expect, test } from './setup'

test('every tab says what to do when there is nothing', async ({ own }) => {
  const { tab } = await own()
  await expect(tab.heading('Your pipeline')).toBeVisible()
  await accessible(tab.page, 'start', ['light'])
  const next = { models: 'No models yet', configurations: 'Register a model first', deployments: 'Make a configuration first', training: 'No results yet', inference: 'Finish a training first', datasources: 'No stream has been announced yet' }
  for (const name of tabs) {
    await tab.page.getByRole('navigation', { name: 'Tabs' }).getByRole('link', { name, exact: false }).click()
    await expect(tab.heading(next[name])).toBeVisible()
    await accessible(tab.page, name, ['light'])
  }
  for (const way of ['Go', 'Python', 'curl', 'kafkaml']) {
    await tab.button(way).click()
    await expect(tab.region(way)).not.toBeEmpty() // what sends a stream, in each way
  }
  await tab.go('#/deployments')
  await expect(tab.page.getByText(/^kafkaml stream send .* --deployment 1$/)).toBeVisible()
})

test('the main job by mouse alone', async ({ own }) => {
  const { tab } = await own('kafka')
  const { page, link, button } = { page: tab.page, link: tab.link.bind(tab), button: tab.button.bind(tab) }
  let step = 0
  const picture = async () => page.screenshot({ path: `${artefacts}job-${++step}.png`, fullPage: true })
  const began = Date.now()
  await picture()
  await link('Write or pick a model').click()
  await picture()
  await link(/mnist-dense/).click()
  await expect(page.getByLabel('Name')).toHaveValue('mnist-dense')
  await expect(page.getByText('It builds.', { exact: true })).toBeVisible()
  await picture()
  await button('Register').click()
  await expect(tab.heading('mnist-dense')).toBeVisible()
  await picture()
  await link('Use in a configuration').click()
  await expect(page.getByLabel('Name')).toHaveValue('mnist-dense') // so that nothing need be typed
  await picture()
  await button('Create').click()
  await link('Deploy for training').click()
  await picture()
  await button('Deploy').click()
  await expect(tab.heading('It waits for a stream')).toBeVisible()
  await picture()
  await button('Send the stream').click()
  await tab.said(/Sent 60,000 records/)
  await picture()
  await page.getByRole('link', { name: 'mnist-dense #1', exact: true }).click()
  await expect(page.getByRole('figure', { name: 'loss' })).toBeVisible()
  await picture()
  await expect(tab.heading(/mnist-dense #1 finished/)).toBeVisible()
  await link('Deploy for inference').click()
  await expect(page.getByLabel('Input config')).toHaveValue(/"data_reshape": "28 28"/)
  await picture()
  await button('Deploy').click()
  const canvas = page.getByLabel(/Draw here/)
  await expect(tab.figure('In, out')).toContainText('0, 0') // nothing more comes that would move the canvas
  await canvas.hover()
  const box = await steady(canvas)
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.2)
  await page.mouse.down()
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height * 0.8, { steps: 12 })
  await page.mouse.up()
  await expect(page.locator('strong.class')).toHaveText('1') // a stroke from top to bottom
  await button('Send this record').click()
  await button('Send 100 of mnist').click()
  await expect(tab.region('Predictions').getByRole('row')).toHaveCount(51)
  await picture()
  console.log(`the whole job: ${Math.round((Date.now() - began) / 1000)} s`)
})
