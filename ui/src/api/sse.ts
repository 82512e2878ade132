// Server-Sent Events over fetch: unlike EventSource it shows errors, takes any
// event name and resumes where the caller says.
import { fetchAs } from './login'

export interface Message {
  id: string
  event: string
  data: string
}

/** Takes a stream of text apart into messages. A message without data still tells its id. */
export class Parser {
  private rest = ''
  private id = ''

  push(text: string): Message[] {
    const blocks = (this.rest + text).replace(/\r\n?/g, '\n').split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.map((block) => this.block(block)).filter((m) => m !== undefined)
  }

  private block(block: string): Message | undefined {
    let event = ''
    const data: string[] = []
    let any = false
    for (const line of block.split('\n')) {
      if (line.startsWith(':') || line === '') continue
      const colon = line.indexOf(':')
      const name = colon < 0 ? line : line.slice(0, colon)
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
      if (name === 'id') this.id = value
      else if (name === 'event') event = value
      else if (name === 'data') data.push(value)
      any = true
    }
    return any ? { id: this.id, event, data: data.join('\n') } : undefined
  }
}

export interface Following {
  /** Gives the URL, with where to resume: the id of the last message, or "". */
  url: (after: string) => string
  message: (m: Message) => void
  /** The stream is open, or lost for the reason given. */
  state?: (open: boolean, reason: string) => void
}

const firstPause = 500
const longestPause = 8000

/** Follows a stream until the returned function is called; reconnects and resumes after the last id. */
export function follow(f: Following): () => void {
  const end = new AbortController()
  void run(f, end.signal)
  return () => end.abort()
}

async function run(f: Following, signal: AbortSignal): Promise<void> {
  let after = ''
  let pause = firstPause
  while (!signal.aborted) {
    let reason = 'the connection ended'
    try {
      const answer = await fetchAs(f.url(after), { signal, cache: 'no-store', headers: { Accept: 'text/event-stream' } })
      if (!answer.ok || !answer.body) throw new Error(`${answer.status} ${answer.statusText}`)
      const parser = new Parser()
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let first = true; ; ) {
        const { done, value } = await reader.read()
        if (done) break
        if (first) f.state?.(true, '')
        first = false
        pause = firstPause
        for (const m of parser.push(value)) {
          if (m.id) after = m.id
          f.message(m)
        }
      }
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error)
    }
    if (signal.aborted) return
    f.state?.(false, reason)
    await new Promise((done) => setTimeout(done, pause))
    pause = Math.min(pause * 2, longestPause)
  }
}
