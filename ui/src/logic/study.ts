// The trials of a study: their order, and their lines through parallel axes.
import type { Parameter, Result, Study } from '../api/types'
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
  /** A place for each parameter, then one for the objective, from 0 to 1. */
  places: number[]
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
    return { id: r.id, places: [...space.map((p) => place(p, r.trial?.parameters[p.name])), at], rank: direction === 'max' ? at : 1 - at }
  })
}
