// What holds on every tab: undo, commands for a terminal, addresses, keyboard, looks.
import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { binary } from './machine'
import { holdTimers, steady } from './checks'
import { expect, test } from './setup'

test('what is deleted can be had back, and what is used says so', async ({ tab, given }) => {
  const { page } = tab
  const model = await given.model('used')
  await given.configuration('user-a', [model])
  await given.configuration('user-b', [model])
  await tab.go(`#/models/${model}`)
  await tab.button('Delete').click()
  await expect(tab.heading('model used is in use')).toBeVisible()
  await expect(page.getByRole('dialog').getByRole('link')).toHaveText([/^configuration user-[ab]$/, /^configuration user-[ab]$/])
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click()
  await tab.go('#/configurations/new')
  await page.getByRole('checkbox').first().check()
  await page.getByLabel('Name', { exact: true }).fill('spare')
  await tab.button('Create').click()
  const pass = await holdTimers(page, 10_000) // the time to undo ends when it is said here
  await tab.button('Delete').click()
  await tab.button('Delete configuration spare').click()
  await expect(tab.link(/spare/)).toHaveCount(0)
  await expect(tab.button(/Undo \d+ s/)).toBeVisible()
  await tab.button(/Undo/).click()
  await expect(tab.link(/spare/)).toBeVisible()
  await tab.link(/spare/).click()
  await tab.button('Delete').click()
  await tab.button('Delete configuration spare').click()
  await expect(tab.button(/Undo/)).toBeVisible()
  const left = async (): Promise<unknown> => (await page.request.get(`${tab.origin}/model-register/configurations?q=spare`)).json()
  expect(await left()).toMatchObject({ items: [{ name: 'spare' }] }) // it was undone, and can be again
  await pass()
  await expect(tab.button(/Undo/)).toBeHidden()
  await expect.poll(left).toEqual({ items: [] })
})

test('an action as a command does what the button does', async ({ tab, given, digits }) => {
  const { page } = tab
  const { results } = await given.trained('commanded', [await given.model('commanded')])
  for (const way of ['curl', 'kafkaml']) {
    await tab.go('#/configurations/new')
    await page.getByRole('checkbox').first().check()
    await page.getByLabel('Name', { exact: true }).fill(`by-${way}`)
    await tab.button('Create the configuration as command').click()
    const dialog = page.getByRole('dialog')
    await expect(dialog.getByRole('group', { name: 'Ways' }).getByRole('button')).toHaveText(['curl', 'kn func', 'kafkaml', 'kn'])
    await dialog.getByRole('button', { name: way, exact: true }).click()
    await dialog.getByRole('button', { name: /^Copy/ }).click()
    const command = await page.evaluate(() => navigator.clipboard.readText())
    execFileSync('bash', ['-c', command], { env: { ...process.env, PATH: `${dirname(binary)}:${process.env.PATH}` }, stdio: 'pipe' })
    page.once('dialog', (d) => void d.accept())
    await tab.go('#/configurations')
    await expect(tab.link(new RegExp(`^by-${way}`))).toBeVisible() // by the stream of facts
  }
  for (const [place, name] of [
    ['models/new?example=regression', 'Check the source'], ['deployments/new', 'Deploy for training'], [`training/${results[0]}`, `Delete result ${results[0]}`], [`training/${digits.result}`, 'Download the model'],
    [`inference/${digits.inference}`, 'Scale digits'], [`inference/${digits.inference}`, 'Stop digits'], [`inference/${digits.inference}`, 'Send 100 of mnist'], [`datasources/${digits.datasource}`, `Send datasource ${digits.datasource} again`], ['inference/new', 'Deploy for inference'],
  ] as const) {
    await tab.go(`#/${place}`)
    if (name.startsWith('Delete')) await tab.button('Delete').click()
    await tab.button(new RegExp(`^${name}.* as command$`)).click()
    await expect(tab.region('curl')).toContainText(tab.origin)
    await page.keyboard.press('Escape')
    if (name.startsWith('Delete')) await page.keyboard.press('Escape')
  }
})

test('the address holds tab, selection and filters', async ({ tab, digits }) => {
  const { page } = tab
  const title = tab.heading(new RegExp(`digits #${digits.result}`))
  await tab.go('#/training?status=finished&q=digits')
  await expect(page.getByRole('searchbox')).toHaveValue('digits')
  await tab.row(digits.result).click()
  await expect(page).toHaveURL(new RegExp(`#/training/${digits.result}\\?.*q=digits`))
  await tab.link('Datasources').click()
  await page.goBack()
  await expect(title).toBeVisible()
  await page.goBack()
  await expect(page.getByLabel('Status')).toHaveValue('finished')
  await page.goForward()
  await expect(title).toBeVisible()
  await page.reload()
  await expect(title).toBeVisible()
  await tab.button('Copy id').click()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(String(digits.result))
  await expect(page.locator('header time').first()).toHaveAttribute('title', /20\d\d/) // relative, the absolute on hover
  // What is opened begins at its top; back finds what was left where it was.
  const scrolled = () => page.evaluate(() => scrollY)
  await tab.go(`#/training/${digits.result}`)
  for (const name of ['loss', 'accuracy']) await expect(page.getByRole('figure', { name }).locator('canvas')).toBeVisible()
  await steady(tab.heading('Lineage'))
  await tab.heading('Lineage').scrollIntoViewIfNeeded()
  const left = await scrolled()
  expect(left).toBeGreaterThan(200)
  await tab.link('digits, version 1').click()
  await expect(tab.heading('Source')).toBeVisible()
  await expect.poll(scrolled).toBe(0)
  await page.goBack()
  await expect(tab.heading('Lineage')).toBeVisible()
  await expect.poll(async () => Math.abs((await scrolled()) - left), 'pixels from where it was').toBeLessThan(20)
})

test('lists and facts that cross lose nothing', async ({ tab, given, digits }) => {
  const { page } = tab
  const held = () => {
    let release = () => {}
    const released = new Promise<void>((done) => (release = done))
    return { release, released }
  }
  // The stream of facts opens after a model was registered that a list would lack.
  const stream = held()
  await page.route('**/deploy-training/events*', async (route) => {
    await stream.released
    await route.continue()
  })
  await tab.go('#/models')
  await page.reload()
  const model = await given.model('between')
  stream.release()
  await expect(tab.row(model)).toBeVisible()
  // A list arrives that was read before a datasource of which a fact has told.
  const list = held()
  await page.route('**/control-log/datasources*', async (route) => {
    const older = await route.fetch()
    asked.release()
    await list.released
    await route.fulfill({ response: older })
    arrived.release()
  }, { times: 1 })
  const [asked, arrived] = [held(), held()]
  await tab.go('#/datasources')
  await asked.released
  const waiting = await given.deployment(await given.configuration('crossing', digits.models))
  await given.make(`control-log/datasources/${digits.datasource}/resend`, { deployment: waiting })
  const datasource = await given.datasource(waiting)
  await expect(tab.row(datasource)).toBeVisible()
  list.release()
  await arrived.released
  await page.waitForTimeout(300) // for the list to be taken
  expect(await tab.row(datasource).isVisible(), 'before the list is read again').toBe(true)
  // Results that the page has asked for with their deployment, and a list that was read before there were any.
  const [results, read] = [held(), held()]
  await page.route('**/deploy-training/results?limit=1000', async (route) => {
    const older = await route.fetch()
    read.release()
    await results.released
    await route.fulfill({ response: older })
  }, { times: 1 })
  await tab.go('#/training')
  await page.reload()
  await read.released
  const own = page.waitForResponse(/results\?limit=1000&deployment=/)
  const later = await given.deployment(await given.configuration('later', digits.models))
  await own
  const { items } = await given.get<{ items: { id: number }[] }>(`deploy-training/results?deployment=${later}`)
  results.release()
  await expect(tab.row(items[0]?.id ?? 0)).toContainText('waiting')
  // The answer to a command comes after facts of what has become of it.
  const [answer, done] = [held(), held()]
  await page.route('**/deploy-inference/', async (route) => {
    const older = await route.fetch()
    done.release()
    await answer.released
    await route.fulfill({ response: older })
  }, { times: 1 })
  await tab.go(`#/inference/new?result=${digits.result}`)
  await page.getByLabel('Name').fill('overtaken')
  await tab.button('Deploy').click()
  await done.released
  await expect(page.locator('.rows a', { hasText: 'overtaken' })).toContainText('ready 1 of 1')
  answer.release()
  await expect(tab.heading(/overtaken/)).toContainText('ready 1 of 1')
})

test('an error stays until it is read, with reason and hint', async ({ tab, digits }) => {
  const { page } = tab
  await tab.go(`#/inference/new?result=${digits.result}`)
  await page.getByLabel('Name').fill('digits')
  await tab.button('Deploy').click()
  const alert = page.getByRole('alert').first()
  await expect(alert).toContainText(/digits/)
  await page.waitForTimeout(6_000) // longer than a message that goes by itself
  await expect(alert).toBeVisible()
  page.once('dialog', (d) => void d.accept())
  await tab.go('#/')
})

test('all of it by keyboard', async ({ tab, given }) => {
  const { page } = tab
  await given.models('keys-a', 'keys-b')
  await tab.go('#/')
  await page.clock.setFixedTime(new Date()) // the second key of a jump comes soon enough, however slow the machine is
  for (const [key, place] of [['m', 'models'], ['c', 'configurations'], ['d', 'deployments'], ['t', 'training'], ['i', 'inference'], ['s', 'datasources'], ['m', 'models']] as const) {
    await page.keyboard.press('g')
    await page.keyboard.press(key)
    await expect(page).toHaveURL(new RegExp(`#/${place}$`))
  }
  await expect(page.locator('.rows a').nth(1)).toBeVisible()
  await page.keyboard.press('/')
  await expect(page.getByRole('searchbox')).toBeFocused()
  await page.keyboard.type('nothing like it')
  await expect(page.getByText('Nothing matches.')).toBeVisible()
  await expect(page).toHaveURL(/q=nothing/)
  await page.keyboard.press('Control+A')
  await page.keyboard.press('Delete')
  await page.getByRole('searchbox').blur()
  await expect(page.locator('.rows a').nth(1)).toBeVisible()
  await page.keyboard.press('j')
  await page.keyboard.press('j')
  const focused = page.locator('.rows a:focus-visible')
  await expect(focused).toHaveCount(1)
  expect(await focused.evaluate((a) => getComputedStyle(a).outlineStyle)).toBe('solid') // focus is seen
  await page.keyboard.press('Enter')
  await expect(page).toHaveURL(/#\/models\/\d/)
  await expect(page.locator('.rows a[aria-current]')).toBeVisible() // the page has heard of the address
  await page.keyboard.press('Escape')
  await expect(page).toHaveURL(/#\/models$/)
  await page.keyboard.press('n')
  await expect(page).toHaveURL(/#\/models\/new/)
  await tab.go('#/')
  await page.keyboard.press('?')
  await expect(tab.heading('Keyboard')).toBeVisible()
  await page.keyboard.press('Escape')
  await expect(tab.heading('Keyboard')).toBeHidden()
})

test('system, light and dark; still where motion is not wanted', async ({ tab }) => {
  const { page } = tab
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await ground()
  await tab.button('Colours: system').click()
  await tab.button('Colours: light').click()
  await expect(tab.button('Colours: dark')).toBeVisible()
  expect(await ground()).not.toBe(light)
  await page.reload()
  await expect(tab.button('Colours: dark')).toBeVisible() // it is kept
  await tab.button('Colours: dark').click()
  expect(await ground()).toBe(light)
  expect(await page.evaluate(() => document.getAnimations().length)).toBe(0)
})

test('the policy is strict', async ({ tab }) => {
  const answer = await tab.page.request.get(tab.origin)
  const policy = answer.headers()['content-security-policy'] ?? ''
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/unsafe|\*|https?:/)
  expect(await answer.text()).not.toMatch(/<script(?![^>]* src=)[^>]*>|style=|\son\w+=/)
})

test('the strip shows the pipeline as it is', async ({ own }) => {
  const { tab, given } = await own()
  const { configuration, results } = await given.trained('one', await given.models('one-a', 'one-b'))
  await given.deployment(configuration)
  await given.inference('one', results[0] ?? 0)
  const strip = tab.page.getByRole('navigation', { name: 'The pipeline' })
  await expect(strip.getByRole('link')).toHaveCount(6)
  for (const box of ['Models 2', 'Configurations 1', 'Deployments 2', 'Streams 1', 'Results 4', 'Inferences 1 1 replica ready']) await expect(strip.getByRole('link', { name: new RegExp(`^${box}`) })).toBeVisible()
  await strip.getByRole('link', { name: /^Results/ }).click()
  await expect(tab.page).toHaveURL(/#\/training$/)
})
