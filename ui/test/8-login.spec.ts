// Logging in on the page: at an issuer by a code with PKCE, and by a token.
import { execFileSync } from 'node:child_process'
import { Issuer } from './issuer'
import { binary, Machine } from './machine'
import { expect, test } from './setup'

test('who is not logged in sees nothing, a viewer everything but commands', async ({ page }) => {
  const issuer = new Issuer()
  await issuer.start()
  const made = (role: string) => {
    const line = execFileSync('sh', ['-c', '"$0" token create vic --role "$1" 2>&1', binary, role], { encoding: 'utf8' })
    return { token: /^kafkaml_\S+$/m.exec(line)?.[0] ?? '', line: /^vic .*$/m.exec(line)?.[0] ?? '' }
  }
  const vic = made('viewer')
  const machine = new Machine('development', { KAFKAML_TOKENS: vic.line, KAFKAML_OIDC_ISSUER: issuer.url, KAFKAML_OIDC_AUDIENCE: 'kafkaml' })
  try {
    await machine.start()
    expect((await page.request.get(`${machine.url}/model-register/models`)).status()).toBe(401)

    await page.goto(`${machine.url}/#/models`)
    await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible()
    await page.getByLabel('Token').fill('wrong')
    await page.getByRole('button', { name: 'Log in by token' }).click()
    await expect(page.getByText('the token is not known')).toBeVisible()
    await page.getByLabel('Token').fill(vic.token)
    await page.getByRole('button', { name: 'Log in by token' }).click()
    await expect(page.getByText('vic, viewer')).toBeVisible()
    await expect(page.getByText('takes the role editor')).toBeVisible()
    await expect(page.getByText('A model is a few lines of Python')).toBeVisible()
    await expect(page.getByRole('link', { name: 'New model' })).toBeHidden()
    await expect(page.getByRole('link', { name: 'mnist-dense' })).toBeHidden()
    await page.getByRole('button', { name: 'Log out' }).click()
    await expect(page.getByRole('heading', { name: 'Log in' })).toBeVisible()

    await page.getByRole('button', { name: /^Log in at/ }).click()
    await expect(page.getByText('ada, editor')).toBeVisible()
    expect(page.url(), 'the code does not stay in the address').not.toContain('code=')
    await page.getByRole('link', { name: 'New model' }).click()
    await expect(page.getByRole('button', { name: 'Register', exact: true })).toBeVisible()
    await page.reload()
    await expect(page.getByText('ada, editor')).toBeVisible()

    await expect(page.getByRole('link', { name: 'Audit' })).toBeHidden()

    await page.goto(`${machine.url}/?code=stolen&state=of-somebody-else`)
    await expect(page.getByText('ada, editor')).toBeVisible() // a code that was not asked for changes nothing
    expect(page.url()).not.toContain('code=')

    issuer.role = 'operator'
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByRole('button', { name: /^Log in at/ }).click()
    await page.getByRole('link', { name: 'Audit' }).click()
    await expect(page.getByRole('cell', { name: 'Nothing yet.' })).toBeVisible()
    expect((await page.request.post(`${machine.url}/model-register/configurations`, { headers: { Authorization: `Bearer ${vic.token}` }, data: { name: 'c', models: [] } })).status()).toBe(403)
    await page.getByLabel('Search').fill('vic')
    await expect(page.getByRole('cell', { name: 'vic, viewer' })).toBeVisible()
  } finally {
    await machine.remove()
    issuer.stop()
  }
})
