// The hash of the address holds tab, selection and filters, so that back,
// forward, reload and a link to somebody else all work.

export const tabs = ['models', 'configurations', 'deployments', 'training', 'inference', 'datasources'] as const
export type Tab = (typeof tabs)[number]

export interface Place {
  /** "" is the start page. */
  tab: Tab | ''
  /** An id, "new", or "" for the list alone. */
  at: string
  query: URLSearchParams
}

export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?')
  const [first = '', at = ''] = path.split('/')
  const tab = tabs.find((t) => t === first) ?? ''
  return { tab, at: tab ? decodeURIComponent(at) : '', query: new URLSearchParams(query) }
}

type Values = Record<string, string | number | undefined>

/** The address of a place, for href. */
export function to(tab: Tab | '', at: string | number = '', values: Values = {}): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== '') query.set(name, String(value))
  const text = query.toString()
  return `#/${tab}${at === '' ? '' : `/${encodeURIComponent(at)}`}${text ? `?${text}` : ''}`
}

class Route {
  private place = $state.raw<Place>(parse(location.hash))
  private guard: (() => boolean) | undefined
  private hash = location.hash

  constructor() {
    addEventListener('hashchange', () => {
      if (location.hash === this.hash) return
      if (this.guard && !this.guard()) {
        history.pushState(null, '', this.hash || '#/')
        return
      }
      this.hash = location.hash
      this.place = parse(location.hash)
    })
    addEventListener('beforeunload', (e) => {
      if (this.unsaved?.()) e.preventDefault()
    })
  }

  private unsaved: (() => boolean) | undefined

  get tab() {
    return this.place.tab
  }
  get at() {
    return this.place.at
  }
  get id(): number | undefined {
    const n = Number(this.place.at)
    return Number.isInteger(n) && n > 0 ? n : undefined
  }
  param(name: string): string {
    return this.place.query.get(name) ?? ''
  }

  go(href: string) {
    location.hash = href
  }

  /** Changes filters in place: no entry in the history for each letter. */
  set(values: Values) {
    const query = Object.fromEntries(this.place.query)
    const href = to(this.place.tab, this.place.at, { ...query, ...values })
    history.replaceState(null, '', href)
    this.hash = location.hash
    this.place = parse(href)
  }

  /** Asks before a form with changes is left; give the result to onDestroy. */
  protect(unsaved: () => boolean): () => void {
    this.unsaved = unsaved
    this.guard = () => !unsaved() || confirm('Leave without saving? The changes are lost.')
    return () => {
      this.unsaved = undefined
      this.guard = undefined
    }
  }
}

export const route = new Route()
