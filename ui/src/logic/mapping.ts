// Which fields of a topic's records go where, as the input_config that a stream is announced with.
import type { Field, Proposal, Tensor } from '../api/types'

/** Where a field goes: to an input by its name, to the label, or nowhere. */
export type Place = { input: string } | 'label' | ''

export interface Mapping {
  /** The fields of each input, in their order. */
  inputs: Record<string, string[]>
  label: string
}

/** What the function proposes, to be changed. */
export function mappingOf(p: Proposal): Mapping {
  return { inputs: Object.fromEntries(Object.entries(p.inputs).map(([name, paths]) => [name, [...paths]])), label: p.label ?? '' }
}

/** The input that a field goes to, "label", or "". */
export function placeOf(m: Mapping, path: string): string {
  if (m.label === path) return 'label'
  const found = Object.entries(m.inputs).find(([, paths]) => paths.includes(path))
  return found ? `input:${found[0]}` : ''
}

/** The mapping with a field at another place. Fields of an input keep the order of the records. */
export function placed(m: Mapping, path: string, place: string, order: readonly string[]): Mapping {
  const inputs = Object.fromEntries(Object.entries(m.inputs).map(([name, paths]) => [name, paths.filter((p) => p !== path)]))
  const input = place.startsWith('input:') ? place.slice('input:'.length) : undefined
  if (input !== undefined) inputs[input] = [...(inputs[input] ?? []), path].sort((a, b) => order.indexOf(a) - order.indexOf(b))
  return { inputs, label: place === 'label' ? path : m.label === path ? '' : m.label }
}

/** Whether a path is the name of a member of the record itself. */
const plain = (path: string) => /^[^.[\]*?"'$][^.[\]*?"']*$/.test(path)

/** The input_config: by names where those are enough, else by paths. */
export function configOf(m: Mapping, wants: readonly Tensor[], fields: readonly Field[]): Record<string, unknown> {
  const label = fields.find((f) => f.path === m.label)
  const named = wants.flatMap((t) => m.inputs[t.name] ?? [])
  const each = wants.length === 1 || wants.every((t) => m.inputs[t.name]?.length === 1 && m.inputs[t.name]?.[0] === t.name)
  if (each && named.every(plain) && (!label || (plain(label.path) && label.holds !== 'text'))) {
    return { data_fields: named, ...(label ? { label_field: label.path } : {}) }
  }
  const inputs = Object.fromEntries(Object.entries(m.inputs).map(([name, paths]) => [name, paths.length === 1 ? paths[0] : paths]))
  return { inputs, ...(label ? { label: labelOf(label) } : {}) }
}

/** Classes that are words are numbered in the order of the alphabet. */
function labelOf(f: Field): unknown {
  return f.holds === 'text' && f.counts ? { path: f.path, classes: Object.keys(f.counts).sort() } : f.path
}

/** What a field holds, in a few words. */
export function holds(f: Field): string {
  const list = f.length ? ` of ${f.length[0] === f.length[1] ? f.length[0] : `${f.length[0]} to ${f.length[1]}`}` : ''
  return `${f.holds === 'number' && f.whole ? 'whole number' : f.holds}${list}`
}

/** The values of a field, in a few words. */
export function values(f: Field): string {
  const missing = f.missing ? `; ${f.missing} without` : ''
  if (f.counts && (f.holds !== 'number' || f.distinct <= 6)) return `${Object.entries(f.counts).slice(0, 6).map(([v, n]) => `${v} (${n})`).join(', ')}${f.distinct > 6 ? ', …' : ''}${missing}`
  if (typeof f.least === 'number' && typeof f.most === 'number') return `${short(f.least)} to ${short(f.most)}${missing}`
  return `${f.examples.slice(0, 2).map((e) => JSON.stringify(e)).join(', ')}${missing}`
}

const short = (n: number) => String(Number(n.toPrecision(6)))
