// The resources as the functions answer them: generated.ts, and what is the page's own.
import type { Metrics } from './generated'

export type * from './generated'

/** A metric's value; what JSON cannot write comes as text: "NaN", "Infinity". */
export type Value = Metrics[string]
