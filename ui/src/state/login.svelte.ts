// Who is logged in, and what that allows.
import { arrive, begin, fetchAs, forget, loggedIn, toIssuer, whoAmI, withToken, type How, type Me } from '../api/login'
import { asRefusal, Refusal } from '../api/refusal'

const roles = ['nobody', 'viewer', 'editor', 'operator']

class Login {
  how = $state.raw<How>()
  /** Undefined where the server does not know roles. */
  me = $state.raw<Me>()
  error = $state.raw<Refusal>()
  /** Somebody wants to log in, who need not. */
  asked = $state(false)

  /** Whether nothing can be seen before somebody logs in. */
  get needed(): boolean {
    return this.me?.role === 'nobody' || (this.how !== undefined && this.me === undefined)
  }

  /** Whether what a role is needed for may be done. */
  may(role: 'viewer' | 'editor' | 'operator'): boolean {
    return !this.how || roles.indexOf(this.me?.role ?? 'nobody') >= roles.indexOf(role)
  }

  /** Whether one can log in, and has not. */
  get open(): boolean {
    return Boolean(this.how?.tokens || this.how?.oidc) && this.me?.id === 'anonymous'
  }

  async start(): Promise<void> {
    try {
      this.how = await begin()
      if (this.how) await arrive()
    } catch (error) {
      this.error = asRefusal(error)
    }
    if (!this.how) return
    try {
      this.me = await whoAmI()
    } catch (error) {
      this.error = asRefusal(error)
      if (loggedIn()) {
        forget()
        this.me = await whoAmI().catch(() => undefined)
      }
    }
  }

  ask(): void {
    this.asked = true
  }

  async byToken(token: string): Promise<void> {
    try {
      this.me = await withToken(token.trim())
      location.reload() // everything is read anew
    } catch (error) {
      this.error = asRefusal(error)
    }
  }

  async byIssuer(): Promise<void> {
    try {
      await toIssuer()
    } catch (error) {
      this.error = asRefusal(error)
    }
  }

  out(): void {
    forget()
    const end = this.how?.oidc?.end_session_endpoint
    if (end && this.me?.id.includes('#')) location.assign(`${end}?${new URLSearchParams({ client_id: this.how?.oidc?.client_id ?? '', post_logout_redirect_uri: new URL('.', document.baseURI).href })}`)
    else location.reload()
  }
}

export const login = new Login()

/** Downloads what a link names as whoever is logged in: a link alone carries no token. */
export function downloadAs(e: MouseEvent): void {
  const link = e.target instanceof Element ? e.target.closest<HTMLAnchorElement>('a[download]') : null
  if (!link || !loggedIn() || !/^https?:/.test(link.href)) return
  e.preventDefault()
  void save(link.href).catch((error: unknown) => (login.error = asRefusal(error)))
}

async function save(url: string): Promise<void> {
  const answer = await fetchAs(url)
  if (!answer.ok) throw new Refusal(`${answer.status} ${answer.statusText}`)
  const name = /filename="?([^";]+)/.exec(answer.headers.get('Content-Disposition') ?? '')?.[1] ?? 'model'
  const file = document.createElement('a')
  file.href = URL.createObjectURL(await answer.blob())
  file.download = name
  file.click()
  setTimeout(() => URL.revokeObjectURL(file.href), 60_000)
}
