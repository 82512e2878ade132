// What a browser loads first, and the editor, by their compressed sizes.
import { expect, test } from '@playwright/test'
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const dist = new URL('../dist/', import.meta.url).pathname
const size = (file: string) => gzipSync(readFileSync(dist + file)).length

test('the first load is at most 70 kB', () => {
  const index = readFileSync(`${dist}index.html`, 'utf8')
  const first = ['index.html', 'icon.svg', ...[...index.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((m) => m[1] ?? '')]
  expect(first.length).toBeGreaterThan(3)
  expect(first.reduce((n, f) => n + size(f), 0)).toBeLessThanOrEqual(70_000)
})

test('the editor is at most 160 kB, on demand', () => {
  const editor = readdirSync(`${dist}assets`).filter((f) => f.startsWith('editor-') && f.endsWith('.js'))
  expect(editor).toHaveLength(1)
  expect(size(`assets/${editor[0]}`)).toBeLessThanOrEqual(160_000)
  expect(readFileSync(`${dist}index.html`, 'utf8')).not.toContain('editor-')
})

test('nothing is loaded from elsewhere', () => {
  for (const file of readdirSync(`${dist}assets`).filter((f) => f.endsWith('.css'))) {
    expect(readFileSync(`${dist}assets/${file}`, 'utf8')).not.toMatch(/url\(["']?(https?:)?\/\//)
  }
})
