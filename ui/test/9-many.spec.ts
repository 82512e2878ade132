// 1,000 results and a training of 10,000 epochs, all real, stay smooth.
import { costOf } from './checks'
import { table } from './given'
import { expect, test } from './setup'

test.use({ trace: 'off' }) // a record of 1,000 rows at each step costs more than the page

const epochs = 10_000

test('10,000 epochs are drawn while they come, opened and handled', async ({ own }) => {
  const { given, tab } = await own('kafka')
  const { page } = tab
  const deployment = await given.deployment(await given.configuration('long', [await given.model('many')]), `epochs=${epochs}`)
  await tab.go(`#/deployments/${deployment}`)
  await page.getByLabel('a file').check()
  await page.getByLabel('File', { exact: true }).setInputFiles({ name: 'small.csv', mimeType: 'text/csv', buffer: Buffer.from(table(200)) })
  await page.getByLabel('Label column').fill('kind')
  const live = await costOf(page, async () => {
    await tab.button('Send the stream').click()
    await page.getByRole('link', { name: /^many #/ }).last().click()
    await expect(page.getByRole('figure', { name: 'loss' }).locator('canvas')).toBeVisible()
    await expect(tab.heading(/finished/)).toBeVisible()
  })
  console.log(`live: ${live.busy} ms of work in ${live.took} ms`)
  expect(live.busy / live.took, 'share of the time that the page computes').toBeLessThan(0.4)
  await page.reload()
  const loss = page.getByRole('figure', { name: 'loss' })
  const opened = await costOf(page, async () => {
    await expect(loss.locator('canvas')).toBeVisible()
    await expect(loss.locator('.u-legend .u-value').first()).toHaveText(epochs.toLocaleString('en'))
  })
  const handled = await costOf(page, async () => {
    const box = await loss.locator('.u-over').boundingBox()
    for (let x = 0; x < 40; x++) await page.mouse.move((box?.x ?? 0) + x * 6, (box?.y ?? 0) + 50)
    for (let weight = 0.05; weight < 0.9; weight += 0.05) await page.getByLabel('Smoothing').fill(weight.toFixed(2))
    await page.getByLabel('logarithmic').check()
    await loss.getByRole('button', { name: 'Table' }).click()
    await expect(page.getByText('200 of 10,000 epochs, evenly.')).toBeVisible()
  })
  console.log(`opened: ${opened.busy} ms of work; 60 moves and changes: ${handled.busy} ms`)
  expect(opened.busy).toBeLessThan(3000)
  expect(handled.busy / 60, 'milliseconds of work for each').toBeLessThan(100)
})

test('1,000 results are listed, searched, walked and scrolled through, and then cost nothing', async ({ own }) => {
  const { given, tab } = await own('kafka')
  const { page } = tab
  const both = await given.models('many-a', 'many-b')
  const pair = await given.configuration('many', both)
  await given.deployment(await given.configuration('long', both.slice(0, 1)))
  await tab.go('#/training')
  const grown = await costOf(page, async () => {
    for (let i = 0; i < 500; i += 20) {
      await Promise.all(Array.from({ length: 20 }, () => given.deployment(pair)))
    }
    await page.waitForFunction(() => /#(999|1\d{3})/.test(document.querySelector('.rows li')?.textContent ?? ''))
  })
  // By places and plain selectors: looking for roles in 1,000 rows is work of the test's own.
  const to = (hash: string) => page.evaluate((h) => void (location.hash = h), hash)
  const walked = await costOf(page, async () => {
    await page.keyboard.press('/')
    await page.keyboard.type('many-a long', { delay: 30 })
    await page.waitForFunction(() => document.querySelectorAll('.rows li').length === 1)
    await page.locator('[data-search]').fill('')
    await page.waitForFunction(() => document.querySelectorAll('.rows li').length > 1)
    for (const place of ['#/training?status=waiting', '#/deployments', '#/']) {
      await to(place)
      await page.waitForTimeout(500)
    }
  })
  await expect(tab.heading('Your pipeline')).toBeVisible()
  console.log(`while 1,000 come: ${grown.busy} ms of work in ${grown.took} ms; searched and gone through: ${walked.busy} ms`)
  expect(grown.busy / grown.took, 'share of the time that the page computes').toBeLessThan(0.6)
  await tab.go('#/training')
  await page.waitForFunction(() => document.querySelectorAll('.rows li').length > 1)
  const rows = () => page.evaluate(() => document.querySelectorAll('.rows li').length)
  const cdp = await page.context().newCDPSession(page)
  const scrolled = await costOf(page, async () => {
    while ((await rows()) < 1000) { // more come whenever the end is near
      await cdp.send('Input.synthesizeScrollGesture', { x: 600, y: 500, yDistance: -15_000, speed: 12_000, gestureSourceType: 'mouse' })
    }
  })
  await cdp.detach()
  const idle = await costOf(page, () => page.waitForTimeout(6000)) // longer than relative times stay as they are
  console.log(`scrolled through: ${scrolled.busy} ms of work in ${scrolled.took} ms; then idle: ${idle.busy} ms in ${idle.took} ms`)
  expect(scrolled.busy / 1000, 'milliseconds of work for each row').toBeLessThan(10)
  expect(idle.busy / idle.took, 'share of the time that an idle page computes').toBeLessThan(0.1)
})
