// From a topic that nobody made for kafkaml to a trained result, by clicks.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accessible } from './checks'
import { binary } from './machine'
import { expect, test } from './setup'

/** Writes records to a topic that nobody made for kafkaml. */
function lay(server: string, topic: string, records: number, of: (i: number) => object, text = '') {
  const folder = mkdtempSync(join(tmpdir(), 'kafkaml-topic-'))
  writeFileSync(join(folder, 'all.jsonl'), Array.from({ length: records }, (_, i) => JSON.stringify(of(i))).join('\n'))
  execFileSync(binary, ['--server', server, 'stream', 'send', join(folder, 'all.jsonl'), '--topic', topic, '--predict', '--format', 'JSON', ...(text ? ['--text', text] : [])], { stdio: 'pipe' })
  rmSync(folder, { recursive: true })
}

test('a topic that lies there is trained on', async ({ tab, given, machine }) => {
  const { page } = tab
  const topic = 'meters'
  lay(machine.url, topic, 300, (i) => ({ at: 1_700_000_000_000 + i, sine: Math.sin(i), cosine: Math.cos(i), rest: ((i * 7) % 11) / 11, kind: i % 2 }))
  const deployment = await given.deployment(await given.configuration(topic, [await given.model(topic)]))
  await tab.go(`#/deployments/${deployment}`)
  await tab.link('Use a topic that holds records already').click()
  await page.getByLabel('Find a topic').fill('meter')
  const row = tab.region('Topics').last().getByRole('row', { name: /^meters 300 1 7 days/ })
  await expect(row).toContainText('JSON') // by looking at its records
  await row.getByRole('link').click()
  await expect(tab.heading('meters')).toBeVisible()
  const fields = tab.region('Fields').last()
  await expect(fields.getByRole('row')).toHaveCount(6) // a head, five fields
  for (const [field, use] of [['at', '–'], ['sine', /^input/], ['cosine', /^input/], ['rest', /^input/], ['kind', 'label']] as const) {
    const select = page.getByLabel(`Use ${field} as`, { exact: true })
    const option = (await select.locator('option').allTextContents()).find((o) => (typeof use === 'string' ? o === use : use.test(o)))
    await select.selectOption({ label: option ?? '' })
  }
  await expect(page.getByLabel(/input_config/)).toHaveValue(/"data_fields": \[[^\]]*"sine"[^\]]*\][^]*"label_field": "kind"/)
  const tensors = tab.region('Tensors').last()
  await expect(tensors.getByRole('row')).toHaveCount(6) // a head, five records
  await expect(page.getByRole('list', { name: 'Labels' }).getByRole('listitem')).toHaveText(['0 150', '1 150'])
  await expect(page.getByRole('list', { name: 'Models' })).toHaveText(/trains: loss [\d.]+, .* in .* s/) // one step of it, on some of them
  await accessible(page, 'a topic and its tensors', ['dark'])
  await page.getByLabel('Use rest as', { exact: true }).selectOption({ label: '–' })
  await expect(page.getByRole('status').last()).toContainText('300 of them could not be. The first: partition 0, offset 0') // before anything is sent
  await page.getByLabel('Use rest as', { exact: true }).selectOption({ index: 1 })
  await expect(page.getByRole('status').last()).toHaveText('300 of the newest records were decoded.')
  for (const field of ['cosine', 'rest']) await page.getByLabel(`Use ${field} as`, { exact: true }).selectOption({ label: '–' })
  await page.getByLabel('a sample is a window of several records').check()
  await expect(page.getByLabel('Records of a window')).toHaveValue('3') // as the model takes them
  await expect(page.getByText(/^298 windows of/)).toBeVisible()
  await page.getByLabel('a sample is a window of several records').uncheck()
  for (const field of ['cosine', 'rest']) await page.getByLabel(`Use ${field} as`, { exact: true }).selectOption({ index: 1 })
  await expect(page.getByRole('status').last()).toHaveText('300 of the newest records were decoded.')
  await page.getByLabel('Until').fill('1h')
  await tab.button('Train on it').click()
  await expect(page.getByRole('alert').first()).toContainText('holds no record until')
  await page.getByLabel('Until').fill('')
  await page.getByLabel('Since').fill('1h')
  await page.getByLabel('Split').selectOption('label')
  await page.getByLabel('Seed').fill('7')
  await tab.button('Train on the topic as command').click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('group', { name: 'Ways' }).getByRole('button')).toHaveText(['curl', 'kn func', 'kafkaml', 'kn', 'control message', 'Python'])
  await dialog.getByRole('button', { name: 'control message' }).click()
  await dialog.getByRole('button', { name: 'Copy the control message command' }).click()
  const message = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as object
  expect(message).toMatchObject({ deployment_id: deployment, topic, since: '1h', input_format: 'JSON', split: 'label', seed: 7 })
  await dialog.getByRole('button', { name: 'Close' }).click()
  await tab.button('Train on it').click()
  await tab.said(/trains on 300 records of meters/)
  await expect(tab.heading(/meters #\d+ finished/)).toBeVisible()
})

test('labels come later on another topic, and a third is predicted', async ({ tab, given, machine }) => {
  const { page } = tab
  const order = (i: number) => ({ order: `o-${i}`, a: Math.sin(i), b: Math.cos(i), c: (i % 5) / 5 })
  lay(machine.url, 'orders', 120, order, 'order')
  lay(machine.url, 'refunds', 100, (i) => ({ order: `o-${i}`, refunded: i % 4 === 0 ? 'yes' : 'no' }), 'order,refunded')
  const deployment = await given.deployment(await given.configuration('refunds', [await given.model('refunds')]))
  await tab.go(`#/datasources/new?topic=orders&deployment=${deployment}`)
  for (const field of ['a', 'b', 'c']) await page.getByLabel(`Use ${field} as`, { exact: true }).selectOption({ index: 1 })
  await page.getByLabel('the label comes later, on another topic').check()
  await page.getByLabel('Topic of the labels').fill('refunds')
  await page.getByLabel('Topic of the labels').blur()
  await expect(page.getByLabel('A record is known by')).toHaveValue('order')
  await expect(page.getByLabel('A label names it by')).toHaveValue('order')
  await expect(page.getByLabel('The label is')).toHaveValue('refunded')
  await expect(page.getByRole('note', { name: 'Labels found' })).toHaveText('100 of 120 records found their label among 100 of refunds. 20 found none and are left out.')
  await expect(page.getByRole('list', { name: 'Labels' }).getByRole('listitem')).toHaveText(['no 75', 'yes 25'])
  await expect(page.getByRole('list', { name: 'Models' })).toHaveText(/trains: loss [\d.]+/)
  await accessible(page, 'a label of another topic', ['dark'])
  await tab.button('Train on it').click()
  await tab.said(/trains on 220 records of orders/)
  await page.getByRole('link', { name: /^refunds #\d+$/ }).first().click()
  await expect(tab.heading(/refunds #\d+ finished/)).toBeVisible()
  await expect(tab.region('Split audit').getByRole('columnheader', { name: /^label/ })).toHaveText(['no', 'yes'])
  await tab.link('Deploy for inference').click()
  await page.getByLabel('Input topic').fill('new-orders')
  await tab.button('Deploy').click()
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible()
  lay(machine.url, 'new-orders', 7, order, 'order')
  await expect(tab.region('Predictions').getByRole('row')).toHaveCount(8)
})
