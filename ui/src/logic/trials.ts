// One training step of a model on a few records, in words.
import type { Refusal } from '../api/refusal'
import type { Trial } from '../api/types'
import { metric } from './words'

/** What came of trying a model: a step, or why there was none. */
export interface Attempt {
  trial?: Trial
  error?: Refusal
}

/** The figures of a step that went well, its loss first. */
export function stepOf(t: Trial): string {
  const names = Object.keys(t.metrics).sort((a, b) => Number(b === 'loss') - Number(a === 'loss') || (a < b ? -1 : 1))
  const figures = names.map((name) => `${name} ${value(t.metrics[name])}`)
  return `${figures.join(', ')} in ${t.seconds < 0.1 ? '<0.1' : t.seconds.toFixed(1)} s`
}

const value = (v: number | string | null | undefined) => (typeof v === 'number' ? metric(v) : String(v))

/** What is wrong with a step, and with which record. */
export function faultOf(t: Trial): string {
  const f = t.fault
  if (!f) return ''
  const line = f.at ? ` (line ${f.at.line} of ${f.field ?? 'source'})` : ''
  if (!f.record) return `would not train: ${f.reason}${line}`
  const at = `partition ${f.record.partition}, offset ${f.record.offset}`
  return f.failing === f.tried && f.tried > 1 ? `would not train: ${f.reason}${line}. Each of ${f.tried} records alone fails so; the first: ${at}` : `would not train on ${at}: ${f.reason}${line}`
}
