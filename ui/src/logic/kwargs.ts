// Keras' arguments as text ("epochs=5, class_weight={0: 1.0}") and as fields.
// The server has the last word; this keeps the fields and the text in step.

type Scalar = number | boolean | string | null
export type KwargValue = Scalar | Record<string, Scalar>
export type Kwargs = Record<string, KwargValue>

/** Writes arguments as Python does. */
export function format(kwargs: Kwargs): string {
  return Object.entries(kwargs)
    .map(([name, value]) => `${name}=${python(value)}`)
    .join(', ')
}

function python(value: KwargValue): string {
  if (value === null) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([k, v]) => `${/^\d+$/.test(k) ? k : JSON.stringify(k)}: ${python(v)}`)
      .join(', ')}}`
  }
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}

const quiet: Kwargs = { verbose: 1, validation_freq: 1, shuffle: true }

/** The arguments that are worth a line: without those that say nothing. */
export function brief(kwargs: Kwargs): string {
  return format(Object.fromEntries(Object.entries(kwargs).filter(([name, value]) => !(name in quiet) || (name !== 'verbose' && quiet[name] !== value))))
}

/** Reads the text; null where it is not (yet) arguments. */
export function parse(text: string): Kwargs | null {
  const kwargs: Kwargs = {}
  for (const part of split(text)) {
    const m = /^([A-Za-z_]\w*)\s*=\s*(.+)$/s.exec(part)
    if (!m?.[1] || m[2] === undefined || m[1] in kwargs) return null
    const value = literal(m[2].trim())
    if (value === undefined) return null
    kwargs[m[1]] = value
  }
  return kwargs
}

/** Splits at commas that are outside braces. */
function split(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i <= text.length; i++) {
    const c = text[i]
    if (c === '{') depth++
    else if (c === '}') depth--
    else if (c === undefined || (c === ',' && depth === 0)) {
      parts.push(text.slice(from, i).trim())
      from = i + 1
    }
  }
  return parts.filter((p) => p !== '')
}

const number = /^[+-]?(\d[\d_]*\.?\d*|\.\d+)([eE][+-]?\d+)?$/

function literal(text: string): KwargValue | undefined {
  return text.startsWith('{') && text.endsWith('}') ? dict(text.slice(1, -1)) : scalar(text)
}

function scalar(text: string): Scalar | undefined {
  if (text === 'None') return null
  if (text === 'True') return true
  if (text === 'False') return false
  if (number.test(text)) return Number(text.replaceAll('_', ''))
  const quoted = /^(?:"([^"\\]*)"|'([^'\\]*)')$/.exec(text)
  return quoted ? (quoted[1] ?? quoted[2] ?? '') : undefined
}

function dict(text: string): Record<string, Scalar> | undefined {
  const read: Record<string, Scalar> = {}
  for (const part of split(text)) {
    const [key = '', value = '', ...more] = part.split(':').map((s) => s.trim())
    const name = /^\d+$/.test(key) ? key : /^(["'])(\w+)\1$/.exec(key)?.[2]
    const one = scalar(value)
    if (more.length > 0 || name === undefined || one === undefined) return undefined
    read[name] = one
  }
  return read
}

/** The text with one argument set, or taken out where value is undefined; null where the text cannot be read. */
export function set(text: string, name: string, value: KwargValue | undefined): string | null {
  const kwargs = parse(text)
  if (!kwargs) return null
  if (value === undefined) delete kwargs[name]
  else kwargs[name] = value
  return format(kwargs)
}
