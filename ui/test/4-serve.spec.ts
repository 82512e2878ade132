// Inference: trying it, the tail, dead letters, scale, stop.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { table } from './given'
import { binary } from './machine'
import { expect, test } from './setup'

test('a record is picked, pasted, sent', async ({ tab, given, digits }) => {
  const { page } = tab
  const inference = await given.inference('tried', digits.result)
  await tab.go('#/inference')
  const row = tab.row(inference)
  for (const word of ['tried', 'digits', 'tried-in → tried-out', 'running, ready 1 of 1', '/s']) await expect(row).toContainText(word)
  await row.click()
  await page.getByText('Pick a record of its stream').click()
  await tab.button('Predict the record at 0:0, label 5').click()
  await expect(page.locator('strong.class')).toHaveText('5')
  await expect(page.getByText(/in [\d.]+ ms/)).toBeVisible()
  await tab.button('Send this record').click()
  await tab.said('Sent 1 record to tried-in')
  await expect(tab.region('Predictions').getByRole('row')).toHaveCount(2) // it came back
  await page.getByText('Paste a record').click()
  await page.getByLabel('Record', { exact: true }).fill('1, 2, 3')
  await tab.button('Predict').click()
  await expect(page.getByText('record: there are 3 numbers, the model takes 784')).toBeVisible()
  await page.getByLabel('Record', { exact: true }).fill(JSON.stringify(new Array(784).fill(0)))
  await tab.button('Predict').click()
  await expect(page.locator('strong.class')).toHaveText(/\d/)
})

test('an alias is given, followed, moved and rolled back; a challenger gets its share', async ({ tab, given }) => {
  const { page } = tab
  const first = await given.trained('named', [await given.model('named')])
  const again = await given.deployment(first.configuration)
  await given.stream(again, 'named-again', { table: table(120) })
  const [second = 0] = await given.finished(again)
  const [result = 0] = first.results
  const call = async (id: number) => {
    await tab.go(`#/training/${id}`)
    await page.getByRole('textbox', { name: 'Notes' }).fill('not saved yet')
    await page.getByRole('textbox', { name: 'Alias' }).fill('champion')
    await tab.button('Name it').click()
    await expect(tab.button('Take champion off')).toBeVisible()
    await expect(page.getByRole('textbox', { name: 'Notes' })).toHaveValue('not saved yet') // a fact takes nothing that is being typed
  }
  await call(result)
  const inference = await given.inference('named', result, { result: undefined, follows: 'named@champion' })
  const serves = () => given.get<{ result: number; shares?: unknown }>(`deploy-inference/inferences/${inference}`)
  await call(second)
  await expect.poll(async () => (await serves()).result).toBe(second)
  await tab.go(`#/inference/${inference}`)
  await expect(page.getByLabel('Challenger')).toHaveValue(String(result)) // the page has heard of the move
  await page.getByLabel('Replicas').fill('3')
  await page.getByRole('slider').fill('30')
  await tab.button('Share').click()
  await tab.said(`Result ${result} predicts 30 %`)
  await expect.poll(async () => (await serves()).shares).toEqual([{ result: second, percent: 70 }, { result, percent: 30 }])
  await expect(tab.button('Share')).toBeDisabled() // the page has heard of it
  await expect(page.getByLabel('Replicas')).toHaveValue('3')
  await page.getByRole('slider').fill('0')
  await tab.button('Share').click()
  await tab.said(`Result ${second} predicts all`)
  await tab.button('Roll back named@champion').click()
  await tab.said('named is rolled back')
  await expect.poll(async () => (await serves()).result).toBe(result)
})

// A text is looked up, and its class given as chances and as a word.
const words = `import keras
import numpy as np
from keras import layers
vocabulary = ["bad", "good"]
review = keras.Input((1,), dtype="string", name="review")
x = layers.StringLookup(vocabulary=vocabulary, output_mode="one_hot")(review)
chances = layers.Dense(3, activation="softmax", kernel_initializer=keras.initializers.Constant(5 * np.eye(3, dtype="float32")), name="chances")(x)
word = layers.StringLookup(vocabulary=vocabulary, invert=True, name="word")(keras.ops.argmax(chances, axis=-1))
model = keras.Model(review, {"chances": chances, "word": word})
model.compile(keras.optimizers.SGD(0.0), {"chances": "sparse_categorical_crossentropy"})
`

test('a text is shown, tried, sent and picked, and so is the text that comes out', async ({ tab, given }) => {
  const { page } = tab
  const model = await given.model('reviews', { source: words })
  const table = `review,kind\n"a ""quoted"" <b>, film",bad\n,good\n${'good,good\nbad,bad\n'.repeat(10)}`
  const made = await given.trained('reviews', [model], { table, format: 'JSON' })
  await tab.go(`#/datasources/${made.datasource}`)
  const first = tab.region('First records')
  await expect(first.getByRole('row').nth(1)).toContainText('"a \\"quoted\\" <b>, film"')
  await expect(first.getByRole('row').nth(2)).toContainText('""')
  const inference = await given.inference('reviews', made.results[0] ?? 0)
  await tab.go(`#/inference/${inference}`)
  await expect(page.getByText('review: text')).toBeVisible()
  await page.getByLabel('Record', { exact: true }).fill('good')
  await tab.button('Predict').click()
  await expect(page.locator('strong.class')).toHaveText('2')
  await expect(page.locator('p.text')).toHaveText('good')
  await tab.button('Send this record').click()
  await expect(page.getByText('Sent 1 record to reviews-in')).toBeVisible()
  await expect(tab.region('Predictions').getByRole('row').nth(1)).toContainText('word "good"', { timeout: 60_000 }) // it came back
  await page.getByText('Pick a record of its stream').click()
  await tab.button('Predict the record at 0:0, label 0').click()
  await expect(page.locator('p.text')).toHaveText('[UNK]')
})

test('the tail can be held, and goes on', async ({ tab, given, digits }) => {
  const inference = await given.inference('held', digits.result)
  await tab.go(`#/inference/${inference}`)
  await tab.button('Send 100 of mnist').click()
  const rows = tab.region('Predictions').getByRole('row')
  await expect(rows).toHaveCount(51)
  await expect(tab.figure('In, out')).toContainText('100, 100')
  await expect(rows.nth(1)).toContainText(/\d ms/) // the page sends when it sent
  await tab.button('Pause').click()
  const first = await rows.nth(1).textContent()
  await tab.button('Send 100 of mnist').click()
  await expect(tab.figure('In, out')).toContainText('200, 200')
  expect(await rows.nth(1).textContent()).toBe(first)
  await tab.button('Resume').click()
  await expect(rows.nth(1)).not.toHaveText(first ?? '')
  await expect(tab.figure('p95')).toContainText(/\d (ms|s|min)/)
})

test('what cannot be predicted is found, with the reason', async ({ machine, tab, given, digits }) => {
  const inference = await given.inference('poisoned', digits.result)
  const folder = mkdtempSync(join(tmpdir(), 'kafkaml-records-'))
  writeFileSync(join(folder, 'bad.csv'), 'a,b\n1,2\n3,4\n')
  execFileSync(binary, ['--server', machine.url, 'stream', 'send', join(folder, 'bad.csv'), '--topic', 'poisoned-in', '--predict', '--unchecked'])
  rmSync(folder, { recursive: true })
  await tab.go(`#/inference/${inference}`)
  await expect(tab.figure('Dead letters')).toContainText('2')
  await tab.page.getByText('Dead letters on poisoned-in.dead-letter').click()
  const letters = tab.region('Dead letters')
  await expect(letters.getByRole('row')).toHaveCount(3)
  await expect(letters.getByRole('row').nth(1)).toContainText(/bytes.*poisoned-in:0:\d+/)
})

test('it is scaled, stopped and started', async ({ tab, given, digits }) => {
  const { page } = tab
  await tab.go(`#/inference/${await given.inference('scaled', digits.result)}`)
  await page.getByLabel('Replicas').fill('2')
  await page.getByLabel('at most').fill('2')
  await tab.button('Scale').click()
  await expect(tab.heading(/ready 2 of 2/)).toBeVisible()
  await tab.button('Stop').click()
  await expect(tab.heading(/stopped/)).toBeVisible()
  await expect(page.getByText('Start it to try it.')).toBeVisible()
  await tab.button('Start').click()
  await expect(tab.heading(/ready 2 of 2/)).toBeVisible()
  await page.getByLabel('Replicas').fill('1')
  await page.getByLabel('at most').fill('1')
  await tab.button('Scale').click()
  await expect(tab.heading(/ready 1 of 1/)).toBeVisible()
})
