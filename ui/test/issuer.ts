// An OpenID Connect issuer at which everybody is ada at once: a key, a code with
// PKCE, and tokens signed by RS256.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

export class Issuer {
  url = ''
  role = 'editor'
  /** How long a token is good for, in seconds. */
  lasts = 300
  refreshed = 0
  private readonly keys = generateKeyPairSync('rsa', { modulusLength: 2048 })
  private challenge = ''
  private server: Server | undefined

  async start(): Promise<void> {
    this.server = createServer((request, response) => {
      const at = new URL(request.url ?? '/', this.url)
      const json = (body: object, status = 200) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
      if (at.pathname === '/.well-known/openid-configuration') {
        json({ issuer: this.url, jwks_uri: `${this.url}/keys`, authorization_endpoint: `${this.url}/auth`, token_endpoint: `${this.url}/token` })
      } else if (at.pathname === '/keys') {
        json({ keys: [{ ...this.keys.publicKey.export({ format: 'jwk' }), kid: '1', use: 'sig', alg: 'RS256' }] })
      } else if (at.pathname === '/auth') {
        this.challenge = at.searchParams.get('code_challenge') ?? ''
        const back = new URL(at.searchParams.get('redirect_uri') ?? '')
        back.search = new URLSearchParams({ code: 'c', state: at.searchParams.get('state') ?? '' }).toString()
        response.writeHead(302, { Location: back.href }).end()
      } else {
        let body = ''
        request.on('data', (part) => (body += part)).on('end', () => {
          const form = new URLSearchParams(body)
          const verified = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url') === this.challenge
          if (form.get('grant_type') === 'authorization_code' && !verified) return json({ error: 'invalid_grant' }, 400)
          if (form.get('grant_type') === 'refresh_token') this.refreshed++
          json({ token_type: 'Bearer', access_token: 'opaque', id_token: this.token(), refresh_token: 'r', expires_in: this.lasts })
        })
      }
    })
    await new Promise<void>((done) => this.server?.listen(0, '127.0.0.1', done))
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  stop(): void {
    this.server?.close()
    this.server?.closeAllConnections()
  }

  private token(): string {
    const now = Math.floor(Date.now() / 1000)
    const text = `${base64url({ alg: 'RS256', kid: '1' })}.${base64url({ iss: this.url, sub: '1', aud: 'kafkaml', exp: now + this.lasts, iat: now, preferred_username: 'ada', roles: [this.role] })}`
    return `${text}.${sign('sha256', Buffer.from(text), this.keys.privateKey).toString('base64url')}`
  }
}
