// The trials of a study: their order, and their lines through parallel axes.
import type { Model, Parameter, Result, Study } from '../api/types'
import { metric } from './words'

/** The trials, those that finished first, each part by its value, the best first. */
export function bestFirst(results: Result[], direction: Study['direction']): Result[] {
  const sign = direction === 'max' ? -1 : 1
  const value = (r: Result) => (r.trial?.value == null ? Infinity : sign * r.trial.value)
  const part = (r: Result) => (r.status === 'finished' ? 0 : 1)
  const by = (a: number, b: number) => (a === b ? 0 : a < b ? -1 : 1)
  return results
    .filter((r) => r.trial)
    .sort((a, b) => part(a) - part(b) || by(value(a), value(b)) || (a.trial?.number ?? 0) - (b.trial?.number ?? 0))
}

/** A parameter as a space is written, so that it can be pasted into one. */
export function said(p: Parameter): string {
  if (p.kind === 'choice') return `${p.name}=[${(p.choices ?? []).join(',')}]`
  const ends = `${p.low ?? 0},${p.high ?? 0}`
  if (p.log && p.kind === 'float') return `${p.name}=log(${ends})`
  return `${p.name}=${p.kind}(${ends}${p.step ? `,${p.step}` : ''}${p.log ? ',log' : ''})`
}

/** A parameter as a form has it. */
export interface Row {
  name: string
  /** It is searched; one of a source is searched as the form says, else as the source does. */
  on: boolean
  kind: 'float' | 'log' | 'int' | 'choice'
  low: number
  high: number
  /** Of float and int: a number, or of int the word log; empty for none. */
  step: string
  choices: string
  /** As the sources of the models have it, each after its model where there are several. */
  source?: string
}

export function rowOf(p: Parameter, on = false): Row {
  const log = p.log ?? false
  return {
    name: p.name, on, kind: log && p.kind === 'float' ? 'log' : (p.kind as Row['kind']), low: p.low ?? 0, high: p.high ?? 0,
    step: p.step ? String(p.step) : log && p.kind === 'int' ? 'log' : '', choices: (p.choices ?? []).join(', '),
  }
}

/** What the sources of models ask hp for, a row for each name. */
export function rowsOf(models: Pick<Model, 'name' | 'hyperparameters'>[]): Row[] {
  const rows = new Map<string, Row>()
  for (const m of models) for (const p of m.hyperparameters ?? []) {
    const row = rows.get(p.name) ?? rowOf(p)
    const text = said(p) + (models.length > 1 ? ` of ${m.name}` : '')
    rows.set(p.name, { ...row, source: row.source ? `${row.source}, ${text}` : text })
  }
  return [...rows.values()]
}

/** A space as it is written: models, where not all of them are tried, and the rows that are on. */
export function spaceOf(models: string[], rows: Row[]): string {
  const entries = rows.filter((r) => r.on).map((r) => {
    if (r.kind === 'choice') return `${r.name}=[${r.choices}]`
    return `${r.name}=${r.kind}(${[r.low, r.high, ...(r.kind === 'log' || !r.step ? [] : [r.step])].join(',')})`
  })
  return [...(models.length ? [`model=[${models.join(',')}]`] : []), ...entries].join(', ')
}

/** Values by name, as a person reads them. */
export const valuesOf = (values: Record<string, unknown> = {}): string =>
  Object.entries(values).map(([name, v]) => `${name}=${typeof v === 'number' ? metric(v) : String(v)}`).join(', ')

/** Where a value lies on an axis: 0 is its lower end, 1 its upper one. */
export function place(p: Parameter, value: unknown): number {
  if (p.kind === 'choice') {
    const all = p.choices ?? []
    return all.length < 2 ? 0.5 : Math.max(0, all.indexOf(value)) / (all.length - 1)
  }
  const scale = p.log ? Math.log : (x: number) => x
  return share(scale(Number(value)), scale(p.low ?? 0), scale(p.high ?? 0))
}

function share(value: number, low: number, high: number): number {
  return high === low ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)))
}

export interface Line {
  id: number
  /** A place for each parameter, then one for the objective, from 0 to 1; none for a parameter of another model. */
  places: (number | undefined)[]
  /** Of the objective: 1 is the best. */
  rank: number
}

/** A line for each trial that has a value, the best last, so that it lies on top. */
export function linesOf(space: Parameter[], results: Result[], direction: Study['direction']): Line[] {
  const told = bestFirst(results, direction).filter((r) => r.trial?.value != null).reverse()
  const values = told.map((r) => r.trial?.value ?? 0)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return told.map((r) => {
    const at = share(r.trial?.value ?? 0, low, high)
    return { id: r.id, places: [...space.map((p) => (p.model && p.model !== r.model_name ? undefined : place(p, r.trial?.parameters[p.name]))), at], rank: direction === 'max' ? at : 1 - at }
  })
}
