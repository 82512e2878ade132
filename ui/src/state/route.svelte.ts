// The hash of the address holds tab, selection and filters, so that back,
// forward, reload and a link to somebody else all work.
import { arrived, followScrolling, state } from './scrolled'

export const tabs = ['models', 'configurations', 'deployments', 'training', 'inference', 'datasources', 'audit'] as const
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

const still = 150 // milliseconds

class Route {
  private place = $state.raw<Place>(parse(location.hash))
  private guard: (() => boolean) | undefined
  private hash = location.hash
  /** What the address shows; it follows hash after a moment. */
  private shown = location.hash
  private writing: ReturnType<typeof setTimeout> | undefined

  constructor() {
    followScrolling()
    addEventListener('hashchange', () => {
      if (location.hash === this.hash) return
      clearTimeout(this.writing)
      this.writing = undefined
      if (this.guard && !this.guard()) {
        history.pushState(state(), '', this.hash || '#/')
        this.shown = location.hash
        return
      }
      this.hash = this.shown = location.hash
      this.place = parse(location.hash)
      arrived()
    })
    addEventListener('click', () => this.writing && this.write(), true) // before a link is followed
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
    if (this.writing) this.write()
    location.hash = href
  }

  /** Changes filters in place: no entry in the history for each letter. */
  set(values: Values) {
    const query = Object.fromEntries(this.place.query)
    this.hash = to(this.place.tab, this.place.at, { ...query, ...values })
    this.place = parse(this.hash)
    clearTimeout(this.writing)
    this.writing = setTimeout(() => this.write(), still)
  }

  /** The address follows a slider or a key once it is still: browsers bound how often it may change. */
  private write() {
    clearTimeout(this.writing)
    this.writing = undefined
    if (location.hash !== this.shown) return // somebody goes elsewhere at this moment
    history.replaceState(state(), '', this.hash || '#/')
    this.shown = location.hash
  }

  /** Asks before a form with changes is left; give the result to onDestroy. */
  protect(unsaved: () => boolean): () => void {
    this.unsaved = unsaved
    this.guard = () => !unsaved() || confirm('Leave without saving? The changes are lost.')
    return () => {
      if (this.unsaved !== unsaved) return // another form has come meanwhile
      this.unsaved = undefined
      this.guard = undefined
    }
  }
}

export const route = new Route()
