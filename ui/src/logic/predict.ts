// Asking an inference for a prediction, and reading what comes back.
import type { Tensor } from '../api/types'

const datatypes: Record<string, string> = {
  bool: 'BOOL', uint8: 'UINT8', uint16: 'UINT16', uint32: 'UINT32', uint64: 'UINT64', int8: 'INT8', int16: 'INT16', int32: 'INT32', int64: 'INT64',
  float16: 'FP16', float32: 'FP32', float64: 'FP64', bfloat16: 'BF16',
}

export interface Infer {
  inputs: { name: string; datatype: string; shape: number[]; data: number[] }[]
}

/** The body of an Open Inference Protocol request for one record. */
export function inferBody(inputs: readonly Tensor[], values: readonly number[][]): Infer {
  return {
    inputs: inputs.map((t, i) => ({ name: t.name, datatype: datatypes[t.dtype] ?? 'FP32', shape: [1, ...t.shape], data: values[i] ?? [] })),
  }
}

export interface Answer {
  outputs: { name: string; shape: number[]; data: (number | null)[] }[]
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
