// What the page knows of the pipeline: the lists are read once, then the facts
// that the functions stream keep them true.
import { SvelteMap } from 'svelte/reactivity'
import { read, readAll } from '../api/client'
import { urlOf, type Step } from '../api/config'
import { asRefusal } from '../api/refusal'
import { follow, type Message } from '../api/sse'
import type { Configuration, Datasource, Deployment, Epoch, Inference, Model, Page, Result } from '../api/types'

interface Fact {
  type: string
  subject?: string
  time?: string
  data?: { id?: number } & Record<string, unknown>
}

export interface Happening {
  time: string
  thing: string
  verb: string
  id: number
  name: string
}

const pause = 250 // between two updates of what is drawn, in milliseconds
const mostEpochs = 100_000 // of a result, that the page reads
const quiet = 60_000 // a hidden page lets its streams go after this long

type Progress = Result & { epochs?: Epoch[]; stage?: string; records?: number; conversion?: { quantize?: string; stage: string } }

/** What a command gave; without updated it is only made. */
interface Kept {
  id: number
  updated?: string
}

class Pipeline {
  models = new SvelteMap<number, Model>()
  configurations = new SvelteMap<number, Configuration>()
  deployments = new SvelteMap<number, Deployment>()
  results = new SvelteMap<number, Result>()
  inferences = new SvelteMap<number, Inference>()
  datasources = new SvelteMap<number, Datasource>()
  /** Results by deployment, in the order in which they were made. */
  byDeployment = $derived.by(() => {
    const all = new Map<number, Result[]>()
    for (const r of newest(this.results, 'result').reverse()) {
      const some = all.get(r.deployment)
      if (some) some.push(r)
      else all.set(r.deployment, [r])
    }
    return all
  })
  /** Epochs by result, of those that somebody looks at. */
  epochs = new SvelteMap<number, Epoch[]>()
  /** What a running training does now, by result. */
  stages = new SvelteMap<number, { stage: string; records: number }>()
  /** What the conversion of a result's model does now, by result. */
  conversions = new SvelteMap<number, { quantize: string; stage: string }>()
  /** The last facts, the newest first. */
  happenings = $state.raw<Happening[]>([])
  loaded = $state(false)
  /** Why the lists could not be read, or the streams are lost. */
  trouble = $state('')
  /** Things whose deletion can still be undone, as "model/3". */
  going = new SvelteMap<string, true>()

  private queue: Fact[] = []
  private flushing = false
  private requested: number[] = []
  private end: (() => void) | undefined
  /** Where the stream of facts has come to: it is one for all functions. */
  private position = ''
  private reading: Promise<void> | undefined
  /** In which turn a thing, such as "result/3", was told of last, by a fact or an answer. */
  private told = new Map<string, number>()
  private turn = 0

  start() {
    this.open()
    let hidden: ReturnType<typeof setTimeout> | undefined
    document.addEventListener('visibilitychange', () => {
      clearTimeout(hidden)
      if (document.hidden) hidden = setTimeout(() => this.close(), quiet)
      else if (!this.end) this.open()
    })
  }

  private open() {
    this.end = follow({
      url: (after) => urlOf('deploy-training', `events?facts=all&after=${after || this.position}`.replace(/&after=$/, '')),
      message: (m) => {
        if (m.id) this.position = m.id
        this.take(m)
      },
      state: (open, reason) => {
        this.trouble = open ? '' : reason
        // A list that was read before the first stream opened may lack what no fact will tell of.
        if (!this.loaded || (open && !this.position)) void this.readLists()
      },
    })
  }

  private close() {
    this.end?.()
    this.end = undefined
  }

  private take(m: Message) {
    if (m.event === 'missed') {
      void this.readLists()
      return
    }
    if (!m.data) return
    this.queue.push(JSON.parse(m.data) as Fact)
    if (this.flushing) return
    this.flushing = true
    setTimeout(() => this.flush(), pause)
  }

  private flush() {
    this.flushing = false
    const facts = this.queue
    this.queue = []
    for (const fact of facts) this.apply(fact)
  }

  private apply(fact: Fact) {
    const [, , thing = '', verb = ''] = fact.type.split('.')
    const id = fact.data?.id ?? Number(fact.subject)
    if (verb === 'rejected' && thing !== 'datasource') return
    const map = this.mapOf(thing)
    if (!map || !id) return
    this.told.set(`${thing}/${id}`, ++this.turn)
    const name = nameOf(fact.data) || nameOf(map.get(id))
    if (verb === 'deleted') map.delete(id)
    else if (fact.data && thing === 'result') this.progress(fact.data as unknown as Progress, verb)
    else if (fact.data) map.set(id, fact.data)
    if (thing === 'deployment' && verb === 'created') this.wantResults(id)
    if (thing === 'deployment' && verb === 'scheduled') return
    if (verb !== 'progressed' && verb !== 'changed' && verb !== 'converting' && verb !== 'verifying') {
      this.happenings = [{ time: fact.time ?? new Date().toISOString(), thing, verb, id, name }, ...this.happenings].slice(0, 30)
    }
  }

  private progress(fact: Progress, verb: string) {
    const { epochs = [], stage = '', records = 0, conversion, ...result } = fact
    const before = this.results.get(result.id)
    this.results.set(result.id, result)
    if (verb === 'progressed') this.stages.set(result.id, { stage, records })
    else this.stages.delete(result.id)
    if (conversion) this.conversions.set(result.id, { quantize: conversion.quantize ?? '', stage: conversion.stage })
    else this.conversions.delete(result.id)
    const known = this.epochs.get(result.id)
    if (before && before.attempt !== result.attempt) this.epochs.set(result.id, epochs)
    else if (known && epochs.length > 0) this.epochs.set(result.id, merge(known, epochs))
    if (verb === 'finished' && known && known.length < result.epochs_done) void this.readEpochs(result.id)
  }

  private mapOf(thing: string): Map<number, object> | undefined {
    return {
      model: this.models,
      configuration: this.configurations,
      deployment: this.deployments,
      result: this.results,
      inference: this.inferences,
      datasource: this.datasources,
    }[thing] as Map<number, object> | undefined
  }

  /** Puts a resource that a command gave where its fact will put it, too: a later fact may have been faster. */
  keep(thing: string, resource: Kept) {
    const known = this.mapOf(thing)?.get(resource.id) as Kept | undefined
    if (known && !(Date.parse(resource.updated ?? '') > Date.parse(known.updated ?? ''))) return
    this.told.set(`${thing}/${resource.id}`, ++this.turn)
    this.mapOf(thing)?.set(resource.id, resource)
  }

  readLists(): Promise<void> {
    this.reading ??= this.readThem().finally(() => (this.reading = undefined))
    return this.reading
  }

  private async readThem() {
    try {
      await Promise.all([
        this.fill('model', 'model-register'),
        this.fill('configuration', 'model-register'),
        this.fill('deployment', 'deploy-training'),
        this.fill('result', 'deploy-training'),
        this.fill('datasource', 'control-log'),
        this.fill('inference', 'deploy-inference'),
      ])
      this.loaded = true
    } catch (error) {
      if (!this.trouble) this.trouble = asRefusal(error).reason
      setTimeout(() => void this.readLists(), 2000)
    }
  }

  /**
   * Reads the list of a thing, but for what facts and commands have told of since it
   * was asked for: of that the list may be older.
   */
  private async fill(thing: string, step: Step) {
    const map = this.mapOf(thing)
    const asked = this.turn
    const items = await readAll<{ id: number }>(step, `${thing}s`)
    const newer = (id: number) => (this.told.get(`${thing}/${id}`) ?? 0) > asked
    const ids = new Set(items.map((i) => i.id))
    for (const id of [...(map?.keys() ?? [])]) if (!ids.has(id) && !newer(id)) map?.delete(id)
    for (const item of items) if (!newer(item.id)) map?.set(item.id, item)
  }

  /** Waiting results have no facts of their own: they come with their deployment; of many at once with the list. */
  private wantResults(deployment: number) {
    this.requested.push(deployment)
    if (this.requested.length > 1) return
    setTimeout(() => {
      const all = this.requested
      this.requested = []
      if (all.length > 3) void this.fill('result', 'deploy-training').catch(() => undefined)
      else for (const d of all) void this.readResults(d)
    }, pause)
  }

  private async readResults(deployment: number) {
    const page = await read<Page<Result>>('deploy-training', `results?limit=1000&deployment=${deployment}`).catch(() => undefined)
    for (const r of page?.items ?? []) if (!this.results.has(r.id)) this.keep('result', r)
  }

  /** Retention moves with time, not with facts. */
  async refreshDatasources() {
    await this.fill('datasource', 'control-log').catch(() => undefined)
  }

  /** So does the place in the queue of what waits. */
  async refreshDeployments() {
    await this.fill('deployment', 'deploy-training').catch(() => undefined)
  }

  /** And that a result, or its verification, waits for its turn. */
  async refreshResult(id: number) {
    const asked = this.turn
    const r = await read<Result>('deploy-training', `results/${id}`).catch(() => undefined)
    if (r && (this.told.get(`result/${id}`) ?? 0) <= asked) this.results.set(id, r)
  }

  async readEpochs(id: number) {
    for (let after = '', read = 0; read < mostEpochs; ) {
      const page = await this.epochPage(id, after)
      this.epochs.set(id, merge(this.epochs.get(id) ?? [], page.items ?? []))
      read += page.items?.length ?? 0
      after = page.next ?? ''
      if (!after) return
    }
  }

  private epochPage(id: number, after: string): Promise<Page<Epoch>> {
    return read('deploy-training', `results/${id}/metrics${after ? `?after=${after}` : ''}`)
  }

  /** Reads the epochs of a result once; facts add those that follow. */
  wantEpochs(id: number) {
    if (this.epochs.has(id)) return
    this.epochs.set(id, [])
    this.readEpochs(id).catch(() => this.epochs.delete(id))
  }
}

/** Both in order of their epochs; what b has anew counts. */
function merge(a: Epoch[], b: Epoch[]): Epoch[] {
  if ((a.at(-1)?.epoch ?? 0) < (b[0]?.epoch ?? Infinity)) return a.concat(b)
  const by = new Map(a.map((e) => [e.epoch, e]))
  for (const e of b) by.set(e.epoch, e)
  return [...by.values()].sort((x, y) => x.epoch - y.epoch)
}

function nameOf(data: unknown): string {
  const d = data as { name?: string; model_name?: string } | undefined
  return d?.name ?? d?.model_name ?? ''
}

export const pipeline = new Pipeline()

/** The items of a map, the newest first, without those being deleted. */
export function newest<T extends { id: number }>(map: Map<number, T>, thing: string): T[] {
  return [...map.values()].filter((x) => !pipeline.going.has(`${thing}/${x.id}`)).sort((a, b) => b.id - a.id)
}
