// Who asks: the token that goes with each request, kept for this tab alone.
import { Refusal, refusalOf } from './refusal'

/** How one logs in, as login.json says. */
export interface How {
  anonymous: string
  tokens: boolean
  oidc?: { issuer: string; client_id: string; audience: string[]; authorization_endpoint: string; end_session_endpoint?: string }
}

export interface Me {
  id: string
  name: string
  role: string
}

interface Kept {
  bearer: string
  refresh?: string
  id?: string
  /** In milliseconds since 1970; a static token has none. */
  expires?: number
}

interface Answer {
  access_token: string
  id_token?: string
  refresh_token?: string
  expires_in?: number
}

const keptAs = 'kafkaml.login'
const underWay = 'kafkaml.login.state'
const early = 30_000 // a token is renewed so long before it expires

let how: How | undefined
let renewing: Promise<void> | undefined

const kept = (): Kept | undefined => JSON.parse(sessionStorage.getItem(keptAs) ?? 'null') as Kept | undefined
const keep = (k: Kept) => sessionStorage.setItem(keptAs, JSON.stringify(k))
export const forget = () => sessionStorage.removeItem(keptAs)
export const loggedIn = () => Boolean(kept())

const here = (path: string) => new URL(path, document.baseURI).href
/** Where the issuer sends the browser back to. */
const back = () => here('.')

/** Fetches as whoever is logged in. */
export async function fetchAs(url: string, init: RequestInit = {}): Promise<Response> {
  const bearer = await current()
  if (!bearer) return fetch(url, init)
  const headers = new Headers(init.headers)
  headers.set('Authorization', `Bearer ${bearer}`)
  return fetch(url, { ...init, headers })
}

async function current(): Promise<string> {
  const k = kept()
  if (k?.refresh && k.expires && k.expires - Date.now() < early) {
    renewing ??= renew(k.refresh).finally(() => (renewing = undefined))
    await renewing
  }
  return kept()?.bearer ?? ''
}

async function renew(refresh: string): Promise<void> {
  try {
    await exchange({ grant_type: 'refresh_token', refresh_token: refresh })
  } catch (error) {
    if (error instanceof Refusal && error.kind !== 'unavailable') forget() // the issuer has ended the login
  }
}

/** Has the server exchange what the issuer gave for tokens. */
async function exchange(form: Record<string, string>): Promise<void> {
  const answer = await fetch(here('login/token'), { method: 'POST', body: new URLSearchParams(form) })
  const body = (await answer.json().catch(() => ({}))) as Answer & { error_description?: string }
  if (!answer.ok) throw refusalOf(body, body.error_description ?? `${answer.status} ${answer.statusText}`)
  const before = kept()
  const id = body.id_token ?? before?.id
  const refresh = body.refresh_token ?? form.refresh_token
  keep({
    bearer: chosen(body.access_token, id, how?.oidc),
    ...(id ? { id } : {}),
    ...(refresh ? { refresh } : {}),
    ...(body.expires_in ? { expires: Date.now() + body.expires_in * 1000 } : {}),
  })
}

/** The access token where it is a JWT for this installation, else the ID token. */
export function chosen(access: string, id: string | undefined, oidc: How['oidc']): string {
  const claims = claimsOf(access)
  const audience = [claims?.aud ?? []].flat()
  if (!id || (claims?.iss === oidc?.issuer && audience.some((a) => oidc?.audience.includes(a)))) return access
  return id
}

function claimsOf(token: string): { iss?: string; aud?: string | string[] } | undefined {
  try {
    return JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/'))) as { iss?: string; aud?: string | string[] }
  } catch {
    return undefined
  }
}

/** Sends the browser to the issuer, which sends it back here with a code. */
export async function toIssuer(): Promise<void> {
  if (!how?.oidc) return
  if (!globalThis.crypto.subtle) throw new Refusal('A browser logs in over HTTPS only, or on this machine.', { hint: 'open this page by https://' })
  const verifier = random()
  const state = random()
  sessionStorage.setItem(underWay, JSON.stringify({ state, verifier, hash: location.hash }))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier))
  location.assign(
    `${how.oidc.authorization_endpoint}?${new URLSearchParams({
      response_type: 'code', client_id: how.oidc.client_id, redirect_uri: back(), scope: 'openid profile email', state,
      code_challenge: base64url(new Uint8Array(digest)), code_challenge_method: 'S256',
    })}`,
  )
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const base64url = (b: Uint8Array) => btoa(String.fromCharCode(...b)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')

/** Takes the code with which the issuer sent the browser back, if it did. */
export async function arrive(): Promise<void> {
  const query = new URLSearchParams(location.search)
  const state = query.get('state')
  if (!state) return
  const wanted = JSON.parse(sessionStorage.getItem(underWay) ?? 'null') as { state: string; verifier: string; hash: string } | null
  sessionStorage.removeItem(underWay)
  history.replaceState(null, '', location.pathname) // the code must not stay in the address
  location.hash = wanted?.hash ?? ''
  if (wanted?.state !== state) throw new Refusal('This login was not begun here.', { hint: 'log in again' })
  const code = query.get('code')
  if (!code) throw new Refusal(query.get('error_description') ?? query.get('error') ?? 'The issuer gave no code.', { hint: 'log in again' })
  await exchange({ grant_type: 'authorization_code', code, redirect_uri: back(), code_verifier: wanted.verifier })
}

/** Logs in by a static token; what it is good for, the answer of whoAmI says. */
export async function withToken(bearer: string): Promise<Me> {
  keep({ bearer })
  try {
    return await whoAmI()
  } catch (error) {
    forget()
    throw error
  }
}

/** Reads how one logs in here. Undefined where the server does not say. */
export async function begin(): Promise<How | undefined> {
  const answer = await fetch(here('login.json'), { cache: 'no-cache' })
  if (answer.status === 404 || !(answer.headers.get('Content-Type') ?? '').includes('json')) return undefined
  if (!answer.ok) throw refusalOf(await answer.json().catch(() => null), `${answer.status} ${answer.statusText}`)
  how = (await answer.json()) as How
  return how
}

export async function whoAmI(): Promise<Me> {
  const answer = await fetchAs(here('whoami'), { cache: 'no-cache' })
  if (!answer.ok) throw refusalOf(await answer.json().catch(() => null), `${answer.status} ${answer.statusText}`)
  return (await answer.json()) as Me
}
