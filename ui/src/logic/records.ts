// Records that the page sends, as commands for a terminal.
import { quote, serverFlag, type Terminal } from './ascommand'

/** A form that POST /streams takes: its fields, and the files beside them. */
export interface StreamForm {
  fields: Record<string, string | number | boolean>
  files: string[]
}

/** A training stream as curl and kafkaml send it. What only this machine holds, an example, has curl alone. */
export function streamWays(form: StreamForm, url: string, server: string): Terminal[] {
  const parts = [...Object.entries(form.fields).map(([name, value]) => `${name}=${value}`), ...form.files.map((f) => `file=@${f}`)]
  const ways = [{ name: 'curl', text: [`curl ${quote(url)}`, ...parts.map((p) => `  -F ${quote(p)}`)].join(' \\\n') }]
  if (form.files.length === 0) return ways
  const { deployment, topic, validation_rate: validation, test_rate: test, shuffle, split, limit, label, drop, header, as, resize, format } = form.fields
  const flags = [`--topic ${quote(String(topic))}`, `--deployment ${deployment}`]
  if (label) flags.push(`--label ${quote(String(label))}`)
  if (drop) flags.push(`--drop ${quote(String(drop))}`)
  if (header) flags.push(header === 'names' ? '--header' : '--no-header')
  if (as) flags.push(`--as ${as}`)
  if (resize) flags.push(`--resize ${resize}`)
  if (format) flags.push(`--format ${format}`)
  if (validation) flags.push(`--validation-rate ${validation}`)
  if (test) flags.push(`--test-rate ${test}`)
  if (shuffle) flags.push('--shuffle')
  if (split) flags.push(`--split ${split}`)
  if (limit) flags.push(`--limit ${limit}`)
  ways.push({ name: 'kafkaml', text: `kafkaml${serverFlag(server)} stream send ${form.files.map(quote).join(' ')} \\\n  ${flags.join(' ')}` })
  return ways
}

/** A trained model as a file, in each of its formats. */
export function downloadWays(result: number, formats: string[], url: string, server: string): Terminal[] {
  const each = (line: (format: string) => string) => formats.map(line).join('\n')
  return [
    { name: 'curl', text: each((f) => `curl -OJ ${quote(`${url}?format=${f}`)}`) },
    { name: 'kafkaml', text: each((f) => `kafkaml${serverFlag(server)} results download ${result} --format ${f}`) },
  ]
}

/** A file of a trained model, sent to the address that takes it. */
export function importWays(url: string, file: string, name: string, description: string, server: string): Terminal[] {
  const flag = (flag: string, value: string) => (value ? ` --${flag} ${quote(value)}` : '')
  return [
    { name: 'curl', text: `curl ${quote(url)} -H ${quote('Content-Type: application/octet-stream')} --data-binary ${quote(`@${file}`)}` },
    { name: 'kafkaml', text: `kafkaml${serverFlag(server)} models import -f ${quote(file)}${flag('name', name)}${flag('description', description)}` },
  ]
}

/** One record's bytes, put on a topic by the function, or by kcat where it is installed. */
export function recordWays(url: string, bytes: Uint8Array, topic: string, brokers: string): Terminal[] {
  const text = `printf %s ${base64(bytes)} | base64 -d`
  return [
    { name: 'curl', text: `${text} |\n  curl ${quote(url)} -H ${quote('Content-Type: application/octet-stream')} --data-binary @-` },
    { name: 'kcat', text: `${text} > record && kcat -P -b ${quote(brokers)} -t ${quote(topic)} record` },
  ]
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (const b of bytes) text += String.fromCharCode(b)
  return btoa(text)
}
