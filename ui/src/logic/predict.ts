// Asking an inference for a prediction, and reading what comes back.
import type { Tensor } from '../api/types'

/** One record as a prediction is asked for: its numbers, or those of each input by name. */
export function valuesOf(inputs: readonly Tensor[], record: readonly number[]): number[] | Record<string, number[]> {
  if (inputs.length === 1) return [...record]
  let at = 0
  return Object.fromEntries(inputs.map((t) => [t.name, record.slice(at, (at += elements(t.shape)))]))
}

/** The numbers of a prediction, those of the first output where it has several. */
export function flatOf(values: unknown): (number | null)[] {
  if (Array.isArray(values)) return values.flatMap((v) => (Array.isArray(v) ? flatOf(v) : [v as number | null]))
  return typeof values === 'object' && values !== null ? flatOf(Object.values(values)[0]) : []
}

/** The likeliest class of several values; none of one value. */
export function best(values: readonly (number | null)[]): number | undefined {
  if (values.length < 2) return undefined
  let at = 0
  values.forEach((v, i) => {
    if ((v ?? -Infinity) > (values[at] ?? -Infinity)) at = i
  })
  return at
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

/** The bytes of a RAW record of numbers, little-endian. */
export function rawBytes(dtype: string, values: readonly number[]): Uint8Array<ArrayBuffer> | null {
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
