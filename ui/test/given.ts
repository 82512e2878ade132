// What a test begins with, made through the functions as any client would.
import { expect } from '@playwright/test'

const patience = 300_000 // milliseconds for a training or a replica on a busy machine

/** The example small-net, and the number of its inputs. */
const small = 'small-net'

/** A trained result, and all that it was made of. */
export interface Trained {
  models: number[]
  configuration: number
  deployment: number
  datasource: number
  /** One for each model. */
  results: number[]
}

export interface Served extends Trained {
  result: number
  inference: number
}

interface Listed<T> {
  items: T[]
}

/** Records for a stream: an example of this machine, or a table whose label is its last column. */
export interface Records {
  example?: string
  table?: string
  limit?: number
  format?: string
}

export class Given {
  constructor(readonly url: string) {}

  /** Registers a model: an example under another name, or a source. */
  async model(name: string, what: { example?: string; source?: string } = {}): Promise<number> {
    const { items } = await this.get<Listed<{ name: string }>>('model-register/models/examples')
    const example = items.find((e) => e.name === (what.example ?? small))
    return this.make('model-register/models', what.source ? { name, source: what.source, framework: 'tensorflow' } : { ...example, name })
  }

  async models(...names: string[]): Promise<number[]> {
    const made = []
    for (const name of names) made.push(await this.model(name))
    return made
  }

  configuration(name: string, models: number[]): Promise<number> {
    return this.make('model-register/configurations', { name, models })
  }

  deployment(configuration: number, training = 'epochs=2'): Promise<number> {
    return this.make('deploy-training/deployments', { configuration, batch_size: 32, training_kwargs: training, validation_kwargs: '' })
  }

  /** Sends a stream to a deployment and gives the datasource that it becomes. */
  async stream(deployment: number, topic: string, records: Records): Promise<number> {
    const form = new FormData()
    const fields = { deployment, topic, validation_rate: 0.1, test_rate: 0.1, limit: records.limit, format: records.format, example: records.example }
    for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, String(value))
    if (records.table !== undefined) form.set('file', new Blob([records.table], { type: 'text/csv' }), 'table.csv')
    await this.ask('records/streams', { method: 'POST', body: form })
    return this.datasource(deployment)
  }

  /** Waits for the datasource that a deployment's stream becomes. */
  datasource(deployment: number): Promise<number> {
    return this.until(`the datasource of deployment ${deployment}`, async () => {
      const { items } = await this.get<Listed<{ id: number }>>(`control-log/datasources?deployment=${deployment}`)
      return items[0]?.id
    })
  }

  /** Waits until every result of a deployment has finished. */
  finished(deployment: number): Promise<number[]> {
    return this.until(`the trainings of deployment ${deployment}`, async () => {
      const { items } = await this.get<Listed<{ id: number; status: string; reason?: string }>>(`deploy-training/results?deployment=${deployment}`)
      const failed = items.find((r) => r.status === 'failed' || r.status === 'stopped')
      if (failed) throw new Error(`result ${failed.id} ${failed.status}: ${failed.reason}`)
      return items.every((r) => r.status === 'finished') ? items.map((r) => r.id).sort((a, b) => a - b) : undefined
    })
  }

  /** Trains models on a stream; all of it is called name. */
  async trained(name: string, models: number[], records: Records = { table: table(200) }, training?: string): Promise<Trained> {
    const configuration = await this.configuration(name, models)
    const deployment = await this.deployment(configuration, training)
    const datasource = await this.stream(deployment, name, records)
    return { models, configuration, deployment, datasource, results: await this.finished(deployment) }
  }

  /** Serves a result from <name>-in to <name>-out and waits for its replica. */
  async inference(name: string, result: number, more: object = {}): Promise<number> {
    const suggested = await this.get<{ input_format: string; input_config: unknown }>(`deploy-inference/inferences/suggest?result=${result}`)
    const { input_format, input_config } = suggested
    const id = await this.make('deploy-inference/inferences', { name, result, replicas: 1, delivery: 'source', input_format, input_config, input_topic: `${name}-in`, output_topic: `${name}-out`, ...more })
    return this.until(`a replica of inference ${name}`, async () => {
      const { status, ready, reason } = await this.get<{ status: string; ready: number; reason?: string }>(`deploy-inference/inferences/${id}`)
      if (status === 'failed') throw new Error(`inference ${name} failed: ${reason}`)
      return status === 'running' && ready > 0 ? id : undefined
    })
  }

  /** Dense networks of digits, trained for five epochs and served, all called name. */
  async digits(name: string): Promise<Served> {
    const model = await this.model(name, { example: 'mnist-dense' })
    const made = await this.trained(name, [model], { example: 'mnist' }, 'epochs=5')
    const result = made.results[0] ?? 0
    return { ...made, result, inference: await this.inference(name, result) }
  }

  /** Sends an inference unseen digits and waits for their predictions. */
  async predicted(inference: number, records: number): Promise<void> {
    await this.ask(`records/inferences/${inference}/records?example=mnist&limit=${records}&rate=1000`, { method: 'POST' })
    await this.until(`${records} predictions of inference ${inference}`, async () => {
      const { output } = await this.get<{ output: number }>(`records/inferences/${inference}/traffic`)
      return output >= records || undefined
    })
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.ask(path)).json()) as T
  }

  async make(path: string, data: object): Promise<number> {
    const answer = await this.ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(data) })
    expect(answer.status, path).toBe(201)
    return ((await answer.json()) as { id: number }).id
  }

  async ask(path: string, init: RequestInit = {}): Promise<Response> {
    const answer = await fetch(`${this.url}/${path}`, init)
    if (!answer.ok) throw new Error(`${init.method ?? 'GET'} ${path}: ${answer.status} ${await answer.text()}`)
    return answer
  }

  /** Asks until there is an answer. */
  private async until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
    let answer: T | undefined
    await expect.poll(async () => (answer = await ask()) !== undefined, { message: what, timeout: patience, intervals: [100] }).toBe(true)
    return answer as T
  }
}

/** A table that small-net can learn: two classes of three numbers. */
export function table(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `${Math.sin(i).toFixed(4)},${Math.cos(i).toFixed(4)},${((i * 7) % 11) / 11},${i % 2}`)
  return `a,b,c,kind\n${lines.join('\n')}\n`
}
