// Asking an inference for a prediction, and reading what comes back.
import type { Tensor } from '../api/types'

/** An element of a record: a number, or a text where its input takes text. */
export type Element = number | string
/** An element of a prediction; null is what JSON cannot write. */
export type Predicted = number | string | null

export const isText = (t: Tensor): boolean => t.dtype === 'string'

/** One record as a prediction is asked for: its elements, or those of each input by name. */
export function valuesOf(inputs: readonly Tensor[], record: readonly Element[]): Element[] | Record<string, Element[]> {
  if (inputs.length === 1) return [...record]
  let at = 0
  return Object.fromEntries(inputs.map((t) => [t.name, record.slice(at, (at += elements(t.shape)))]))
}

/** The elements of a prediction, those of the first output where it has several. */
export function flatOf(values: unknown): Predicted[] {
  if (Array.isArray(values)) return values.flatMap((v) => (Array.isArray(v) ? flatOf(v) : [v as Predicted]))
  return typeof values === 'object' && values !== null ? flatOf(Object.values(values)[0]) : []
}

/** The outputs of a prediction; the only one has no name. */
export function outputsOf(values: unknown): { name: string; values: Predicted[] }[] {
  if (Array.isArray(values) || typeof values !== 'object' || values === null) return [{ name: '', values: flatOf(values) }]
  return Object.entries(values).map(([name, of]) => ({ name, values: flatOf(of) }))
}

/** What a prediction says: the likeliest class of several numbers, or the one text; nothing of one number. */
export function best(values: readonly Predicted[]): number | string | undefined {
  if (values.length === 1 && typeof values[0] === 'string') return values[0]
  if (values.length < 2 || values.some((v) => typeof v === 'string')) return undefined
  const numbers = values.map((v) => (typeof v === 'number' ? v : -Infinity))
  return numbers.indexOf(Math.max(...numbers))
}

/** The elements of a pasted record, in the order of the inputs. A text alone may be pasted as it is. */
export function recordOf(text: string, inputs: readonly Tensor[]): Element[] | null {
  if (!inputs.some(isText)) return numbers(text)
  const [only] = inputs
  const alone = inputs.length === 1 && only !== undefined && elements(only.shape) === 1
  const read = pasted(text, inputs)
  if (read?.every((v) => typeof v === 'string' || typeof v === 'number')) {
    const fit = !alone || typeof read[0] === 'string'
    if (fit) return read as Element[]
  }
  return alone ? [text] : null
}

/** The elements of a JSON text, of an object those of the inputs; null where it is none. */
function pasted(text: string, inputs: readonly Tensor[]): unknown[] | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return flatten(value)
    const members = value as Record<string, unknown>
    return inputs.every((t) => t.name in members) ? inputs.flatMap((t) => flatten(members[t.name])) : flatten(value)
  } catch {
    return null
  }
}

/** A record as the JSON object that an inference takes; null where its fields do not tell how. */
export function jsonRecord(config: Record<string, unknown> | undefined, inputs: readonly Tensor[], record: readonly Element[]): string | null {
  const given = config?.data_fields
  const named = typeof given === 'string' ? given.split(',').map((f) => f.trim()).filter((f) => f !== '') : Array.isArray(given) ? (given as string[]) : []
  const fields = named.length > 0 ? named : inputs.map((t) => t.name)
  const values = valuesOf(inputs, record)
  if (!Array.isArray(values)) {
    if (fields.length !== inputs.length || !inputs.every((t) => fields.includes(t.name))) return null
    return JSON.stringify(Object.fromEntries(Object.entries(values).map(([name, of]) => [name, of.length === 1 ? of[0] : of])))
  }
  if (fields.length === 1) return JSON.stringify({ [fields[0] ?? '']: values.length === 1 ? values[0] : values })
  return fields.length === values.length ? JSON.stringify(Object.fromEntries(fields.map((f, i) => [f, values[i]]))) : null
}

/** Numbers of a pasted record: JSON, or text with commas and spaces. */
export function numbers(text: string): number[] | null {
  const trimmed = text.trim()
  if (trimmed.startsWith('[') || trimmed.startsWith('{')) {
    try {
      const flat = flatten(JSON.parse(trimmed))
      return flat.every((n) => typeof n === 'number' && Number.isFinite(n)) ? (flat as number[]) : null
    } catch {
      return null
    }
  }
  const parts = trimmed.split(/[\s,;]+/).filter((p) => p !== '')
  const read = parts.map(Number)
  return parts.length > 0 && read.every(Number.isFinite) ? read : null
}

function flatten(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(flatten)
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(flatten)
  return [typeof value === 'boolean' ? Number(value) : value]
}

export const elements = (shape: readonly number[]): number => shape.reduce((n, d) => n * d, 1)

/** The bytes of a RAW record: of numbers, little-endian, or of one text. */
export function rawBytes(dtype: string, values: readonly Element[]): Uint8Array<ArrayBuffer> | null {
  if (dtype === 'string') return values.length === 1 && typeof values[0] === 'string' ? new TextEncoder().encode(values[0]) : null
  const make = { uint8: Uint8Array, int8: Int8Array, bool: Uint8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array, int32: Int32Array, float32: Float32Array, float: Float32Array, float64: Float64Array, double: Float64Array }[dtype]
  if (!make) return null
  const array = make.from(values as number[])
  return new Uint8Array(array.buffer as ArrayBuffer, array.byteOffset, array.byteLength)
}

/** A quantile of a Prometheus histogram, as histogram_quantile has it; undefined without observations. */
export function quantile(metrics: string, name: string, q: number): number | undefined {
  const buckets = new Map<number, number>()
  const line = new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)$`, 'gm')
  for (const [, le = '', n = ''] of metrics.matchAll(line)) {
    const bound = le === '+Inf' ? Infinity : Number(le)
    buckets.set(bound, (buckets.get(bound) ?? 0) + Number(n))
  }
  const sorted = [...buckets].sort(([a], [b]) => a - b)
  const total = sorted.at(-1)?.[1] ?? 0
  if (total === 0) return undefined
  let [lower, below] = [0, 0]
  for (const [bound, n] of sorted) {
    if (n >= q * total) return bound === Infinity ? lower : lower + (bound - lower) * ((q * total - below) / Math.max(1, n - below))
    ;[lower, below] = [bound, n]
  }
  return lower
}
