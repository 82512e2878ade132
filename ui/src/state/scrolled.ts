// How far each entry of the history was scrolled. The browser restores that
// before the page has drawn what the entry holds, and so too little.

const patience = 2000 // milliseconds for what is read first
const settle = 300 // milliseconds in which what is drawn may still push it away

const tops = new Map<number, number>()
let entry = 0
let restoring = false

export function followScrolling() {
  history.scrollRestoration = 'manual'
  addEventListener('pagehide', () => (history.scrollRestoration = 'auto')) // a reload is the browser's
  entry = keyOf(history.state) ?? mark()
  addEventListener('scroll', () => !restoring && tops.set(entry, scrollY), { passive: true })
  for (const act of ['wheel', 'touchmove', 'pointerdown', 'keydown']) addEventListener(act, () => (restoring = false), { passive: true })
}

/** To be called once another entry is shown: a new one begins at its top. */
export function arrived() {
  const key = keyOf(history.state)
  entry = key ?? mark()
  if (key === undefined) scrollTo(0, 0)
  else restore(tops.get(key) ?? 0)
}

/** What an entry's state is while its address is written anew. */
export const state = () => ({ entry })

function mark(): number {
  const key = Date.now()
  history.replaceState({ entry: key }, '')
  return key
}

function keyOf(state: unknown): number | undefined {
  return (state as { entry?: number } | null)?.entry
}

function restore(top: number) {
  const [mine, began] = [entry, performance.now()]
  restoring = true
  const step = () => {
    if (!restoring || entry !== mine) return
    scrollTo(0, top)
    const took = performance.now() - began
    if (took > patience || (took > settle && Math.abs(scrollY - top) < 2)) restoring = false
    else requestAnimationFrame(step)
  }
  step()
}
