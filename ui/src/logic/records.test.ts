import { describe, expect, it } from 'vitest'
import { downloadWays, importWays, recordWays, streamWays } from './records'

const fields = { deployment: 3, topic: 'digits', validation_rate: 0.1, test_rate: 0, shuffle: true, label: 'kind', format: 'AVRO' }

describe('records as commands', () => {
  it('sends the form that the page posts', () => {
    const [curl, kafkaml] = streamWays({ fields, files: ["it's.csv"] }, 'http://h/streams', 'http://h')
    expect(curl?.text).toContain("curl http://h/streams \\\n  -F deployment=3 \\\n  -F topic=digits")
    expect(curl?.text).toContain(`-F 'file=@it'\\''s.csv'`)
    expect(kafkaml?.text).toBe(`kafkaml --server http://h stream send 'it'\\''s.csv' \\\n  --topic digits --deployment 3 --label kind --format AVRO --validation-rate 0.1 --shuffle`)
  })
  it('says how a file is to be read', () => {
    const ways = (header: string) => streamWays({ fields: { deployment: 3, topic: 't', drop: 'id,at', header, as: 'csv', resize: '8x8' }, files: ['a.txt'] }, 'u', 'http://h').map((w) => w.text)
    expect(ways('names')[1]).toContain('--drop id,at --header --as csv --resize 8x8')
    expect(ways('record')[1]).toContain('--no-header')
    expect(ways('')[1]).not.toContain('header ')
  })
  it('offers curl alone for what the server holds', () => {
    expect(streamWays({ fields: { deployment: 3, topic: 'digits', example: 'mnist' }, files: [] }, 'u', 's').map((w) => w.name)).toEqual(['curl'])
  })
  it('keeps the bytes of a record', () => {
    const [curl, kcat] = recordWays('http://h/records', new Uint8Array([0, 255, 10]), 'in', 'h:1')
    expect(curl?.text).toMatch(/^printf %s AP8K \| base64 -d \|\n {2}curl http:\/\/h\/records .* --data-binary @-$/)
    expect(kcat?.text).toContain('kcat -P -b h:1 -t in')
  })
  it('imports a file', () => {
    expect(importWays('http://h/models/import?file=a.onnx', 'a.onnx', 'iris', '', 'http://h').map((w) => w.text)).toEqual([
      "curl 'http://h/models/import?file=a.onnx' -H 'Content-Type: application/octet-stream' --data-binary @a.onnx",
      'kafkaml --server http://h models import -f a.onnx --name iris',
    ])
  })
  it('downloads each format', () => {
    expect(downloadWays(1, ['savedmodel', 'keras'], 'http://h/results/1/model', 'http://h').map((w) => w.text)).toEqual([
      "curl -OJ 'http://h/results/1/model?format=savedmodel'\ncurl -OJ 'http://h/results/1/model?format=keras'",
      'kafkaml --server http://h results download 1 --format savedmodel\nkafkaml --server http://h results download 1 --format keras',
    ])
  })
})
