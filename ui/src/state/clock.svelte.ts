// The clocks of the page.
class Clock {
  /** Each second: for what is counted down. */
  now = $state(Date.now())
  /** Every five seconds: for relative times, of which a long list has a thousand. */
  slow = $state(Date.now())
  constructor() {
    setInterval(() => {
      if (document.hidden) return
      this.now = Date.now()
      if (this.now - this.slow >= 5000) this.slow = this.now
    }, 1000)
  }
}
export const clock = new Clock()
