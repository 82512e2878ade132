// From a topic that nobody made for kafkaml to a trained result, by clicks.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { accessible } from './checks'
import { binary } from './machine'
import { expect, test } from './setup'

test('a topic that lies there is trained on', async ({ tab, given, machine }) => {
  const { page } = tab
  const topic = 'meters'
  const folder = mkdtempSync(join(tmpdir(), 'kafkaml-topic-'))
  const lines = Array.from({ length: 300 }, (_, i) => JSON.stringify({ at: 1_700_000_000_000 + i, sine: Math.sin(i), cosine: Math.cos(i), rest: ((i * 7) % 11) / 11, kind: i % 2 }))
  writeFileSync(join(folder, 'meters.jsonl'), lines.join('\n'))
  execFileSync(binary, ['--server', machine.url, 'stream', 'send', join(folder, 'meters.jsonl'), '--topic', topic, '--predict'], { stdio: 'ignore' })
  rmSync(folder, { recursive: true })
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
  await page.getByLabel('Until').fill('1h')
  await tab.button('Train on it').click()
  await expect(page.getByRole('alert').first()).toContainText('holds no record until')
  await page.getByLabel('Until').fill('')
  await page.getByLabel('Since').fill('1h')
  await page.getByLabel('Split').selectOption('label')
  await tab.button('Train on the topic as command').click()
  const dialog = page.getByRole('dialog')
  await expect(dialog.getByRole('group', { name: 'Ways' }).getByRole('button')).toHaveText(['curl', 'kn func', 'kafkaml', 'kn', 'control message', 'Python'])
  await dialog.getByRole('button', { name: 'control message' }).click()
  await dialog.getByRole('button', { name: 'Copy the control message command' }).click()
  const message = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as object
  expect(message).toMatchObject({ deployment_id: deployment, topic, since: '1h', input_format: 'JSON', split: 'label' })
  await dialog.getByRole('button', { name: 'Close' }).click()
  await tab.button('Train on it').click()
  await tab.said(/trains on 300 records of meters/)
  await expect(tab.heading(/meters #\d+ finished/)).toBeVisible()
})
