// Curves of training: what is drawn and what the table shows.
import type { Epoch, Value } from '../api/types'

export interface Curve {
  name: string
  values: (number | null)[]
  validation: boolean
  /** Index of the colour: curves of one thing share it. */
  colour: number
}

export function numeric(v: Value | undefined): number | null {
  return typeof v === 'number' && Number.isFinite(v) ? v : null
}

/** The metrics that the epochs hold, "loss" first. */
export function metricsOf(epochs: readonly Epoch[]): string[] {
  const names = new Set<string>()
  for (const e of epochs) for (const name of Object.keys({ ...e.training, ...e.validation })) names.add(name)
  return [...names].sort((a, b) => Number(b === 'loss') - Number(a === 'loss') || a.localeCompare(b))
}

/** Exponential smoothing without the bias at the beginning, as TensorBoard has it; 0 leaves values as they are. */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values]
  let last = 0
  let n = 0
  return values.map((v) => {
    if (v === null) return null
    n++
    last = last * weight + (1 - weight) * v
    return last / (1 - weight ** n)
  })
}

/** The number of the best epoch, by what early_stopping monitors. */
export function bestOf(epochs: readonly Epoch[]): number | undefined {
  return epochs.findLast((e) => e.best)?.epoch
}

/** For each place of the axis its epoch, if there is one; both are in order. */
function aligned(epochs: readonly Epoch[], axis: readonly number[]): (Epoch | undefined)[] {
  let i = 0
  return axis.map((n) => {
    while ((epochs[i]?.epoch ?? Infinity) < n) i++
    return epochs[i]?.epoch === n ? epochs[i] : undefined
  })
}

/** Training and validation curve of a metric over the given epochs. */
export function curvesOf(label: string, epochs: readonly Epoch[], axis: readonly number[], metric: string, weight: number, colour: number): Curve[] {
  const at = aligned(epochs, axis)
  const pick = (of: 'training' | 'validation') => at.map((e) => numeric(e?.[of]?.[metric]))
  const training = pick('training')
  const validation = pick('validation')
  const prefix = label ? `${label} ` : ''
  const curves: Curve[] = []
  if (training.some((v) => v !== null)) curves.push({ name: `${prefix}training`, values: smooth(training, weight), validation: false, colour })
  if (validation.some((v) => v !== null)) curves.push({ name: `${prefix}validation`, values: smooth(validation, weight), validation: true, colour })
  return curves
}

/** The numbers of the epochs of all, each once, in order; those of one are in order already. */
export function axisOf(all: readonly (readonly Epoch[])[]): number[] {
  if (all.length === 1) return (all[0] ?? []).map((e) => e.epoch)
  return [...new Set(all.flat().map((e) => e.epoch))].sort((a, b) => a - b)
}

/** At most n rows, evenly, with the first and the last. */
export function thin<T>(rows: readonly T[], n: number): T[] {
  if (rows.length <= n) return [...rows]
  return Array.from({ length: n }, (_, i) => rows[Math.round((i * (rows.length - 1)) / (n - 1))] as T)
}

/** RFC 4180, a row for each epoch. */
export function csv(epochs: readonly Epoch[]): string {
  const names = metricsOf(epochs)
  const head = ['epoch', ...names, ...names.map((n) => `val_${n}`), 'seconds']
  const rows = epochs.map((e) => [e.epoch, ...names.map((n) => e.training[n] ?? ''), ...names.map((n) => e.validation?.[n] ?? ''), e.seconds])
  return [head, ...rows].map((r) => r.map((c) => (/[",\n]/.test(String(c)) ? `"${String(c).replaceAll('"', '""')}"` : c)).join(',')).join('\r\n') + '\r\n'
}

/** The points of a sparkline in a box, the y axis down. */
export function points(values: readonly (number | null)[], width: number, height: number): string {
  const known = values.flatMap((v, i) => (v === null ? [] : [[i, v] as const]))
  if (known.length < 2) return ''
  const low = known.reduce((least, [, v]) => Math.min(least, v), Infinity)
  const span = known.reduce((most, [, v]) => Math.max(most, v), -Infinity) - low || 1
  return thin(known, width).map(([i, v]) => `${((i / (values.length - 1)) * width).toFixed(1)},${(height - ((v - low) / span) * height).toFixed(1)}`).join(' ')
}
