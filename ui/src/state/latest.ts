/** A question of which only the newest counts: asking it again ends the one before. */
export interface Latest {
  now: () => Promise<void>
  /** Once nothing was typed for a moment. */
  soon: () => void
  /** Ends what is under way and what was to come. */
  stop: () => void
}

/** ask writes nothing once its signal is aborted: another one answers then, or nobody listens. */
export function latest(ask: (signal: AbortSignal) => Promise<void>, pause = 300): Latest {
  let timer: ReturnType<typeof setTimeout> | undefined
  let asking: AbortController | undefined
  const stop = () => {
    clearTimeout(timer)
    asking?.abort()
  }
  const now = async () => {
    stop()
    asking = new AbortController()
    await ask(asking.signal)
  }
  const soon = () => {
    clearTimeout(timer)
    timer = setTimeout(() => void now(), pause)
  }
  return { now, soon, stop }
}
