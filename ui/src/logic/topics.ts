// Topics as they lie: what is told of one, and how a stream of it is announced.
import type { DatasourceForm } from '../api/commands'
import type { Field as TopicField, Tensor } from '../api/types'
import type { Terminal } from './ascommand'
import { pythonOf, type Written } from './topicpython'

/** Which fields fill which input, in their order, and which one is the label. */
export interface Choice {
  inputs: Record<string, string[]>
  label: string
  /** Where the label comes later, on another topic. */
  late?: Late
  /** Where a sample is several records. */
  window?: Window
}

/** How records become windows: by is "" for all records as one sequence, "key", or "field:" and a path; the rest as it is typed. */
export interface Window {
  by: string
  size: string
  stride: string
  horizon: string
  within: string
}

/** A first guess at a window: as long as the model's inputs are, of each key's records. */
export function guessWindow(inputs: readonly Pick<Tensor, 'shape'>[], keyed: boolean): Window {
  const size = inputs.find((t) => (t.shape[0] ?? 0) > 1)?.shape[0]
  return { by: keyed ? 'key' : '', size: String(size ?? 24), stride: '1', horizon: '0', within: '' }
}

/** A field of the name key is told apart from the record's key. */
function byOf(by: string): unknown {
  const path = by.replace(/^field:/, '')
  return by === 'field:key' ? { path } : path
}

/** The member window; what is no number is sent as it is, to be refused by its name. */
function windowOf(w: Window): Record<string, unknown> {
  const number = (s: string) => (/^-?\d+$/.test(s) ? Number(s) : s)
  const all = w.horizon.split(/[\s,]+|(?<=\d)-|\.\./).filter(Boolean).map(number)
  const horizon = all.length > 1 ? all : (all[0] ?? 0)
  return {
    ...(w.by ? { by: byOf(w.by) } : {}), size: number(w.size), ...(w.stride && w.stride !== '1' ? { stride: number(w.stride) } : {}),
    ...(horizon === 0 ? {} : { horizon }), ...(w.within ? { within: w.within } : {}),
  }
}

/** The texts that a label is numbered from, by its number; none where it is a number already. */
export function classesOf(config: unknown): string[] {
  const label = (config as { label?: { classes?: unknown } } | null | undefined)?.label
  return label && typeof label === 'object' && Array.isArray(label.classes) ? label.classes.map(String) : []
}

/** A label of another topic: "" as on and match is the record's key. */
export interface Late {
  topic: string
  on: string
  match: string
  path: string
  within: string
  /** Of its records, where it is not that of the others. */
  format?: TopicForm['input_format']
  fields: TopicField[]
}

/** A first guess at how records and labels meet: by a field that both have, else by what the key is on one side. */
export function guessLate(topic: string, format: TopicForm['input_format'] | undefined, fields: readonly TopicField[], others: readonly TopicField[]): Late {
  const names = fields.map((f) => f.path)
  const like = (path: string) => /(^|[._])id$|_id$|^id|key|uuid/i.test(path)
  const both = others.map((f) => f.path).filter((path) => path && names.includes(path))
  const on = both.find(like) ?? both[0] ?? others.find((f) => like(f.path))?.path ?? ''
  const match = both.includes(on) ? on : (names.find(like) ?? '')
  const rest = fields.filter((f) => f.path !== match)
  const path = (rest.find((f) => f.role === 'label') ?? rest.find((f) => f.counts && !like(f.path)) ?? rest.find((f) => f.holds === 'number' && !like(f.path)) ?? rest[0])?.path ?? ''
  return { topic, on, match, path, within: '', fields: [...fields], ...(format ? { format } : {}) }
}

/** The member label of a label that comes later. */
function lateOf(l: Late): Record<string, unknown> {
  const label = numbered(l.path, l.fields)
  return {
    from: 'topic', topic: l.topic, ...(l.on ? { on: l.on } : {}), ...(l.match ? { match: l.match } : {}),
    ...(typeof label === 'string' ? { path: label } : (label as object)), ...(l.within ? { within: l.within } : {}), ...(l.format ? { input_format: l.format } : {}),
  }
}

/** What a field is used for, so far: an input's name, "" or label. */
export const label = 'label of the record'
export function useOf(c: Choice, path: string): string {
  if (c.label === path) return label
  return Object.keys(c.inputs).find((name) => c.inputs[name]?.includes(path)) ?? ''
}

/** The choice with a field used for something else. */
export function used(c: Choice, path: string, as: string): Choice {
  const inputs: Record<string, string[]> = {}
  for (const [name, paths] of Object.entries(c.inputs)) inputs[name] = paths.filter((p) => p !== path)
  if (as && as !== label) inputs[as] = [...(inputs[as] ?? []), path]
  return { ...c, inputs, label: as === label ? path : c.label === path ? '' : c.label }
}

/** Whether a path is the name of a member of the record itself. */
const plain = (path: string) => /^[^.[\]*?"'$][^.[\]*?"']*$/.test(path)

/** A field by its path; numbers that are text are parsed, words are classes, in the order of the alphabet. */
function numbered(path: string, fields: readonly TopicField[]): unknown {
  const f = fields.find((one) => one.path === path)
  if (f?.parses) return { path, parse: true }
  return f?.holds === 'text' && f.counts ? { path, classes: Object.keys(f.counts).sort() } : path
}

/** What fills an input from a field: words are numbered, and the mean stands for a number that some records do not have. */
function columnOf(path: string, input: Pick<Tensor, 'dtype'>, fields: readonly TopicField[]): unknown {
  if (input.dtype === 'string') return path
  const f = fields.find((one) => one.path === path)
  const mean = f && (f.holds === 'number' || f.parses) && f.missing > 0 && input.dtype.includes('float')
  return mean ? { path, ...(f.parses ? { parse: true } : {}), missing: 'mean' } : numbered(path, fields)
}

/** The input_config of a choice: by names where those are enough, else by paths. */
export function configOf(c: Choice, inputs: Pick<Tensor, 'name' | 'dtype'>[], fields: readonly TopicField[] = []): Record<string, unknown> {
  return { ...mappingOf(c, inputs, fields), ...(c.window ? { window: windowOf(c.window) } : {}) }
}

function mappingOf(c: Choice, inputs: Pick<Tensor, 'name' | 'dtype'>[], fields: readonly TopicField[]): Record<string, unknown> {
  const columns = inputs.map((t) => (c.inputs[t.name] ?? []).map((path) => columnOf(path, t, fields)))
  const label = c.late ? lateOf(c.late) : c.label ? numbered(c.label, fields) : undefined
  const named = inputs.length === 1 || inputs.every((t, i) => columns[i]?.length === 1 && columns[i]?.[0] === t.name)
  if (named && [...columns.flat(), label ?? 'none'].every((v) => typeof v === 'string' && plain(v))) {
    return { data_fields: columns.flat(), ...(label === undefined ? {} : { label_field: label }) }
  }
  const by = inputs.map((t, i) => [t.name, columns[i]?.length === 1 && typeof columns[i]?.[0] === 'string' ? columns[i]?.[0] : (columns[i] ?? [])])
  return { inputs: Object.fromEntries(by) as Record<string, unknown>, ...(label === undefined ? {} : { label }) }
}

/** The members of a datasource's form that a topic needs. */
export type TopicForm = Omit<DatasourceForm, 'input_config'> & { input_config: Record<string, unknown> }

/** The control message that a form comes to, as any producer may send it. */
export function messageOf(f: TopicForm): Record<string, unknown> {
  const { deployment, topic, since, until, ...rest } = f
  return { deployment_id: deployment, topic, since: since || 'earliest', ...(until ? { until } : {}), ...rest }
}

/** The form as a control message, and as a program that writes such records and announces them. */
export function topicWays(f: TopicForm, look: Written | undefined, brokers: string, controlTopic: string): Terminal[] {
  const message = JSON.stringify(messageOf(f), null, 2)
  return [
    { name: 'control message', text: message },
    { name: 'Python', text: pythonOf(f, messageOf(f), look, brokers, controlTopic) },
  ]
}
