// A kafkaml of the tests' own: an empty data folder, free ports, a broker.
// Beside it the page alone, served by another program at another origin.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Alone } from './alone'

const here = dirname(fileURLToPath(import.meta.url))
export const binary = process.env.KAFKAML_BINARY ?? join(here, '../../bin/kafkaml')
const patience = 300_000 // milliseconds for a start on a busy machine

export type Broker = 'kafka' | 'development'

export class Machine {
  url = ''
  brokers: string[] = []
  readonly alone = new Alone()
  private folder = mkdtempSync(join(tmpdir(), 'kafkaml-page-'))
  private child: ChildProcess | undefined
  private output = ''

  constructor(private readonly broker: Broker, private readonly settings: Record<string, string> = {}) {}

  /** Starts, or starts again with the same data at the same address. */
  async start(): Promise<void> {
    const ready = join(this.folder, 'ready.json')
    rmSync(ready, { force: true })
    const port = this.url ? new URL(this.url).port : '0'
    await this.alone.start()
    const child = spawn(
      binary,
      ['run', '--data', join(this.folder, 'data'), '--port', port, '--broker', this.broker, '--kafka-port', '0', '--ready-file', ready, '--cors-origins', this.alone.url],
      { stdio: 'pipe', env: { ...process.env, ...this.settings } },
    )
    child.stdout.on('data', (text) => (this.output += text))
    child.stderr.on('data', (text) => (this.output += text))
    this.child = child
    const until = Date.now() + patience
    while (!existsSync(ready)) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > until) throw new Error(`kafkaml does not start:\n${this.output}`)
      await new Promise((done) => setTimeout(done, 100))
    }
    const { url, brokers } = JSON.parse(readFileSync(ready, 'utf8')) as { url: string; brokers: string[] }
    this.url = url
    this.brokers = brokers
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.child
    this.child = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill(signal)
    const hard = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await ended
    clearTimeout(hard)
  }

  async remove(): Promise<void> {
    await this.stop()
    await this.alone.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** The processes under kafkaml whose command line matches. */
  processes(pattern: RegExp): number[] {
    const parents = new Map<number, number>()
    const lines = new Map<number, string>()
    for (const pid of readdirSync('/proc').map(Number).filter((n) => n > 0)) {
      try {
        parents.set(pid, Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) . /s, '').split(' ')[0]))
        lines.set(pid, readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '))
      } catch {
        // it ended meanwhile
      }
    }
    const ours = (pid: number): boolean => pid === this.child?.pid || (parents.has(pid) && ours(parents.get(pid) ?? 0))
    return [...lines].filter(([pid, line]) => pid !== this.child?.pid && pattern.test(line) && ours(pid)).map(([pid]) => pid)
  }

  /** Kills the one process of kafkaml that matches. */
  kill(pattern: RegExp): number {
    const found = this.processes(pattern)
    if (found.length !== 1) throw new Error(`${found.length} processes match ${pattern}`)
    process.kill(found[0] ?? 0, 'SIGKILL')
    return found[0] ?? 0
  }
}
