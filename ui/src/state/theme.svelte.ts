// System, light or dark, kept by the browser.
export const schemes = ['system', 'light', 'dark'] as const
export type Scheme = (typeof schemes)[number]

const key = 'kafkaml.scheme'

class Theme {
  scheme = $state<Scheme>(schemes.find((s) => s === stored()) ?? 'system')
  /** Changes when colours do: charts are drawn anew. */
  version = $state(0)

  constructor() {
    this.show()
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.version++)
  }

  next() {
    this.scheme = schemes[(schemes.indexOf(this.scheme) + 1) % schemes.length] ?? 'system'
    try {
      localStorage.setItem(key, this.scheme)
    } catch {
      // a browser that keeps nothing asks again next time
    }
    this.show()
  }

  private show() {
    document.documentElement.dataset.scheme = this.scheme
    this.version++
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}

export const theme = new Theme()
