// The resources as the functions answer them: generated.ts, and what is the page's own.
import type { Metrics, Tensor } from './generated'

export type * from './generated'

/** A metric's value; what JSON cannot write comes as text: "NaN", "Infinity". */
export type Value = Metrics[string]
export interface Page<T> {
  items: T[]
  next?: string
}
/** The first records of a datasource, decoded; what JSON cannot write is null. */
export interface Preview {
  inputs: Tensor[]
  labels: Tensor[]
  items: { offset: number; partition: number; sample: (number | null)[][]; label: (number | null)[][]; error?: string }[]
  counts?: Record<string, number>
  counted: number
}
