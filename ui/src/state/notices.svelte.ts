// What the page tells beside the forms: what was done, and what can be undone.
import { send, type Command } from '../api/client'
import { asRefusal, type Refusal } from '../api/refusal'
import { pipeline } from './pipeline.svelte'

export interface Notice {
  key: number
  text: string
  error?: Refusal
  undo?: () => void
  /** When the notice goes by itself, in milliseconds since 1970; errors stay. */
  until?: number
}

const undoTime = 10_000
const readTime = 5_000

class Notices {
  all = $state.raw<Notice[]>([])
  private last = 0

  add(notice: Omit<Notice, 'key'>): number {
    const key = ++this.last
    this.all = [...this.all, { ...notice, key }]
    return key
  }

  drop(key: number) {
    this.all = this.all.filter((n) => n.key !== key)
  }

  say(text: string) {
    const plain = this.all.filter((n) => !n.error && !n.undo)
    if (plain.length > 1 && plain[0]) this.drop(plain[0].key) // two at a time are enough to read
    const key = this.add({ text, until: Date.now() + readTime })
    setTimeout(() => this.drop(key), readTime)
  }

  fail(text: string, error: unknown) {
    this.add({ text, error: asRefusal(error) })
  }

  /** Sends a command and tells its error; true when it was done. */
  async run(text: string, command: Command): Promise<boolean> {
    try {
      await send(command)
      this.say(text)
      return true
    } catch (error) {
      this.fail(`Not done: ${text.charAt(0).toLowerCase()}${text.slice(1)}`, error)
      return false
    }
  }

  /** Deletes after ten seconds, unless it is undone. */
  remove(thing: string, id: number, name: string, command: Command) {
    const key = `${thing}/${id}`
    pipeline.going.set(key, true)
    let done = false
    const commit = (keepalive: boolean) => {
      if (done) return
      done = true
      this.drop(notice)
      removeEventListener('pagehide', leave)
      send(command, { keepalive }).catch((error: unknown) => {
        pipeline.going.delete(key)
        this.fail(`${name} was not deleted`, error)
      })
    }
    const leave = () => commit(true)
    const timer = setTimeout(() => commit(false), undoTime)
    const notice = this.add({
      text: `Deleted ${name}`,
      until: Date.now() + undoTime,
      undo: () => {
        done = true
        clearTimeout(timer)
        removeEventListener('pagehide', leave)
        pipeline.going.delete(key)
        this.drop(notice)
      },
    })
    addEventListener('pagehide', leave)
  }
}

export const notices = new Notices()
