// Where the functions are: config.json beside the page says so.
import type { Config as Served, ConfigCluster } from './generated'

export const steps = ['model-register', 'deploy-training', 'control-log', 'deploy-inference', 'records'] as const
export type Step = (typeof steps)[number]

export interface Config extends Served {
  functions: Record<Step, string>
}

let config: Config = {
  functions: Object.fromEntries(steps.map((s) => [s, `/${s}`])) as Record<Step, string>,
}

/** Reads config.json; what it does not name lies under this origin. */
export async function loadConfig(): Promise<Config> {
  const answer = await fetch('config.json', { cache: 'no-cache' })
  if (!answer.ok) throw new Error(`config.json: ${answer.status} ${answer.statusText}`)
  const read = (await answer.json()) as Partial<Config>
  config = { ...config, ...read, functions: { ...config.functions, ...read.functions } }
  return config
}

/** The absolute URL of a path of a function. */
export function urlOf(step: Step, path = '/'): string {
  const base = new URL(config.functions[step].replace(/\/?$/, '/'), document.baseURI)
  return new URL(path.replace(/^\//, ''), base).href
}

/** The URL of an inference's predict function, as this page reaches it. */
export function predictUrl(name: string, path: string): string {
  const where = config.predict ?? '/predict'
  const service = /^inference-[0-9]+$/.test(name) ? name : `inference-${name}` // as a cluster names it
  const base = where.includes('*') ? where.replace('*', service) : `${where.replace(/\/$/, '')}/${encodeURIComponent(name)}`
  return new URL(path, new URL(base.replace(/\/?$/, '/'), document.baseURI)).href
}

/** Where config.json lies, as the command line takes it. */
export function server(): string {
  return new URL('.', document.baseURI).href.replace(/\/$/, '')
}

export function cluster(): ConfigCluster | undefined {
  return config.cluster
}

/** Kafka's addresses, or a word that stands for them. */
export function brokers(): string {
  return config.brokers?.join(',') || 'BROKER:9092'
}

export function controlTopic(): string {
  return config.control_topic || 'KAFKA_ML_CONTROL_TOPIC'
}

/** What tells whether the broker beside the functions runs; undefined where none does. */
export function healthUrl(): string | undefined {
  return config.health ? new URL(config.health, document.baseURI).href : undefined
}
