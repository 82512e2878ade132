// A table as a stream in each format, its records seen; six results compared.
import { artefacts, expect, test } from './setup'
import { table } from './given'

const file = { name: 'small.csv', mimeType: 'text/csv', buffer: Buffer.from(table(300)) }

for (const format of ['RAW', 'AVRO', 'JSON']) {
  test(`rows are sent, seen and trained on as ${format}`, async ({ tab, given }) => {
    const { page } = tab
    const topic = `rows-${format.toLowerCase()}`
    const configuration = await given.configuration(topic, await given.models(`${topic}-a`, `${topic}-b`))
    await tab.go(`#/deployments/new?configuration=${configuration}`)
    await page.getByLabel('Epochs', { exact: true }).fill('3')
    await tab.button('Deploy').click()
    await expect(tab.heading('It waits for a stream')).toBeVisible()
    await page.getByLabel('a file').check()
    await page.getByLabel('File', { exact: true }).setInputFiles(file)
    await page.getByLabel('Label column').fill('kind')
    await page.getByLabel('Format').selectOption(format)
    const taken = page.getByRole('list', { name: 'How the file is read' })
    await expect(taken).toContainText('the first row names the columns')
    await expect(taken).toContainText('label: kind')
    await page.getByLabel('Topic').fill(topic)
    await tab.button('Send the stream').click()
    await tab.said(/^Sent 300 records/)
    await expect(tab.heading(new RegExp(`${topic} #\\d+ finished`))).toBeVisible()
    await tab.go('#/datasources')
    await tab.link(new RegExp(`^${topic}, partition 0`)).click()
    const rows = tab.region('First records').last().getByRole('row')
    await expect(rows).toHaveCount(25) // a head, 24 records
    await expect(rows.nth(2)).toContainText('0:1') // where it lies
    await expect(rows.nth(2)).toContainText(/0\.8415.*0\.5403.*0\.6364/) // sine and cosine of 1, 7/11
    await expect(page.locator('li.chip')).toHaveText(['0 150', '1 150'])
    await page.getByText('1 range, and how the records are read').click()
    await expect(tab.region('How the records are read').last()).toContainText(format === 'AVRO' ? '"type": "record"' : format === 'RAW' ? '"data_reshape": "3"' : '"kind"')
  })
}

test('a file that is too large for the page is told of before it is sent', async ({ tab, given }) => {
  const { page } = tab
  const deployment = await given.deployment(await given.configuration('large', [await given.model('large')]))
  await tab.go(`#/deployments/${deployment}`)
  await page.getByLabel('a file').check()
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'large.csv', mimeType: 'text/csv', buffer: Buffer.alloc(5_000_000, '1,2,3,0\n') })
  await expect(page.getByRole('alert')).toContainText('5.0 MB are more than the page can send (4.0 MB)')
  await expect(tab.button('Send the stream')).toBeDisabled()
  await tab.button('Send the stream as command').click()
  await expect(page.getByText(/^kafkaml --server \S+ stream send large\.csv/)).toBeVisible()
  await page.keyboard.press('Escape')
})

test('six results are compared', async ({ tab, given }) => {
  const { page } = tab
  const { results } = await given.trained('six', await given.models('six-1', 'six-2', 'six-3', 'six-4', 'six-5', 'six-6'))
  await tab.go(`#/training/compare?ids=${results[0]},${results[1]}`)
  const add = page.getByLabel('Add a result')
  const table = tab.region('Metrics of the results')
  for (let n = 2; n < 6; n++) {
    await expect(table.getByRole('row')).toHaveCount(n + 1)
    await add.selectOption({ label: `six-${n + 1} #${results[n]}` })
  }
  await expect(table.getByRole('row')).toHaveCount(7) // a head, six results
  await expect(add).toHaveCount(0) // no more than six
  const loss = page.getByRole('figure', { name: 'loss' })
  await expect(loss.locator('.u-legend .u-series')).toHaveCount(13) // the epoch; training and validation of six
  await table.getByRole('radio').last().check()
  await expect(table.getByRole('row').last()).not.toContainText(/[+−±]\d/)
  await expect(table.getByRole('row').nth(1)).toContainText(/[+−±]\d/)
  await expect(page).toHaveURL(/ids=.*&baseline=\d+$/) // the address holds all of it
  await page.reload()
  await expect(table.getByRole('row')).toHaveCount(7)
  await expect(table.getByRole('radio').last()).toBeChecked()
  await expect(loss.locator('canvas')).toBeVisible()
  await page.screenshot({ path: `${artefacts}six.png`, fullPage: true })
})
