import { describe, expect, it } from 'vitest'
import { Parser } from './sse'

describe('Parser', () => {
  it('reads messages that arrive in pieces', () => {
    const p = new Parser()
    expect(p.push('id: 4\nevent: a\nda')).toEqual([])
    expect(p.push('ta: {"x":1}\n\nid: 5\n\n')).toEqual([
      { id: '4', event: 'a', data: '{"x":1}' },
      { id: '5', event: '', data: '' },
    ])
  })
  it('keeps the id for messages that have none', () => {
    const p = new Parser()
    expect(p.push('id: 7\n\ndata: a\n\n').at(-1)).toEqual({ id: '7', event: '', data: 'a' })
  })
  it('leaves comments out and joins lines of data', () => {
    const p = new Parser()
    expect(p.push(': still here\n\n')).toEqual([])
    expect(p.push('data: a\r\ndata: b\r\n\r\n')).toEqual([{ id: '', event: '', data: 'a\nb' }])
  })
})
