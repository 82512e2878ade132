// Whether the broker that was started beside the functions runs. Kafka of one's
// own, and a cluster's, is not asked for: that would keep functions awake.
import { healthUrl } from '../api/config'
import { fetchAs } from '../api/login'

const every = 3000 // ms, while the page is seen

class Broker {
  /** Why the broker is down; empty while it runs. */
  trouble = $state('')

  /** Asks from now on. */
  watch() {
    const url = healthUrl()
    if (!url) return
    const ask = async () => {
      if (!document.hidden) this.trouble = await reason(url)
      setTimeout(() => void ask(), every)
    }
    void ask()
  }
}

async function reason(url: string): Promise<string> {
  try {
    const answer = await fetchAs(url, { cache: 'no-cache' })
    if (answer.ok) return ''
    const problem = (await answer.json()) as { detail?: string }
    return problem.detail ?? answer.statusText
  } catch {
    return '' // the page itself is not connected, which is said elsewhere
  }
}

export const broker = new Broker()
