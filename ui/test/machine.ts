// A kafkaml of the tests' own: an empty data folder, a free port, the real broker.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const binary = process.env.KAFKAML_BINARY ?? join(here, '../../bin/kafkaml')
const patience = 120_000 // milliseconds for a start on a busy machine

export class Machine {
  url = ''
  private folder = mkdtempSync(join(tmpdir(), 'kafkaml-page-'))
  private child: ChildProcess | undefined
  private output = ''

  /** Starts, or starts again with the same data at the same address. */
  async start(): Promise<void> {
    const ready = join(this.folder, 'ready.json')
    rmSync(ready, { force: true })
    const port = this.url ? new URL(this.url).port : '0'
    const child = spawn(binary, ['run', '--data', join(this.folder, 'data'), '--port', port, '--kafka-port', '0', '--ready-file', ready], { stdio: 'pipe' })
    child.stdout.on('data', (text) => (this.output += text))
    child.stderr.on('data', (text) => (this.output += text))
    this.child = child
    const until = Date.now() + patience
    while (!existsSync(ready)) {
      if (child.exitCode !== null || Date.now() > until) throw new Error(`kafkaml does not start:\n${this.output}`)
      await new Promise((done) => setTimeout(done, 100))
    }
    this.url = (JSON.parse(readFileSync(ready, 'utf8')) as { url: string }).url
  }

  async stop(): Promise<void> {
    const child = this.child
    this.child = undefined
    if (!child || child.exitCode !== null) return
    const ended = new Promise((done) => child.once('exit', done))
    child.kill('SIGTERM')
    const hard = setTimeout(() => child.kill('SIGKILL'), 30_000)
    await ended
    clearTimeout(hard)
  }

  async remove(): Promise<void> {
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
