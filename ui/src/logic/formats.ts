// What a person reads of the formats of a trained model.
import type { ModelFormat } from '../api/types'
import { count, metric } from './words'

/** The numbers of a converted model. */
export function numbers(quantize: string | undefined): string {
  return { float16: 'weights of 16 bits (float16)', int8: 'whole numbers of 8 bits (int8)' }[quantize ?? ''] ?? 'as trained'
}

/** What a conversion costs, where it was measured. */
export function costs(f: ModelFormat): string {
  const q = f.quality
  if (!q) return f.size ? '' : 'made when you ask for it'
  const on = `on ${count(q.records)} records of the ${q.split} split`
  if (q.metric === 'accuracy') return `accuracy ${(100 * q.after).toFixed(2)} %, before ${(100 * q.before).toFixed(2)} %, ${on}`
  if (q.metric) return `mean absolute error ${metric(q.after)}, before ${metric(q.before)}, ${on}`
  return `outputs differ by ${metric(q.difference)} of their size, ${on}`
}
