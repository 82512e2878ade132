// The page by keyboard: / searches, ? helps, g and a letter jumps, j and k walk the rows.
import { route, to, type Tab } from './route.svelte'

const jumps: Record<string, Tab | ''> = { h: '', m: 'models', c: 'configurations', d: 'deployments', t: 'training', i: 'inference', s: 'datasources' }
const makes: Partial<Record<Tab, true>> = { models: true, configurations: true, deployments: true, inference: true }
const soon = 1200 // the second key of a jump must follow within, in milliseconds

export function listenToKeys(help: () => void): () => void {
  let jumping = 0
  const down = (e: KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || typing(e) || document.querySelector('dialog[open]')) return
    if (Date.now() - jumping < soon && e.key in jumps) {
      jumping = 0
      route.go(to(jumps[e.key] ?? ''))
      e.preventDefault()
      return
    }
    jumping = 0
    const act = actions[e.key]
    if (e.key === 'g') jumping = Date.now()
    else if (e.key === '?') help()
    else if (act) act()
    else return
    e.preventDefault()
  }
  addEventListener('keydown', down)
  return () => removeEventListener('keydown', down)
}

const actions: Record<string, () => void> = {
  '/': () => document.querySelector<HTMLInputElement>('[data-search]')?.focus(),
  n: () => {
    if (route.tab && makes[route.tab]) route.go(to(route.tab, 'new'))
  },
  j: () => walk(1),
  k: () => walk(-1),
  Escape: () => {
    if (route.tab && route.at) route.go(to(route.tab))
  },
}

function typing(e: KeyboardEvent): boolean {
  const path = e.composedPath()[0]
  return path instanceof HTMLElement && (path.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(path.tagName))
}

function walk(by: number) {
  const rows = [...document.querySelectorAll<HTMLAnchorElement>('.rows a')]
  const at = rows.findIndex((r) => r === document.activeElement)
  rows[Math.max(0, Math.min(rows.length - 1, at + by))]?.focus()
}
