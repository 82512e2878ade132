// The page deployed alone: dist/ as any web server gives it, with a config.json
// that names the functions' URLs, and a policy that lets it call them.
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'

const dist = new URL('../dist/', import.meta.url).pathname
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.json': 'application/json' }
const below = '/ui/' // not at the root: the page must not mind

export class Alone {
  /** The origin. */
  url = ''
  /** What config.json says, and which origin the page may call. */
  config: unknown = {}
  connect = ''
  private server: Server | undefined

  get page(): string {
    return this.url + below
  }

  async start(): Promise<void> {
    if (this.server) return
    const server = createServer((request, response) => {
      const path = normalize(new URL(request.url ?? '/', 'http://x').pathname)
      const name = path.startsWith(below) ? path.slice(below.length) || 'index.html' : ''
      const policy = `default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ${this.connect}; base-uri 'none'; form-action 'none'`
      const headers = { 'Content-Type': types[extname(name)] ?? 'application/octet-stream', 'Content-Security-Policy': policy }
      if (name === 'config.json') {
        response.writeHead(200, headers).end(JSON.stringify(this.config))
        return
      }
      readFile(join(dist, name)).then(
        (body) => response.writeHead(200, headers).end(body),
        () => response.writeHead(404).end(),
      )
    })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.server = server
  }

  async stop(): Promise<void> {
    const server = this.server
    this.server = undefined
    server?.closeAllConnections()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
  }
}
