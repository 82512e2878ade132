// Topics as they lie: what is told of one, and how a stream of it is announced.
import type { DatasourceForm } from '../api/commands'
import type { Tensor } from '../api/types'
import type { Terminal } from './ascommand'

/** Which fields fill which input, in their order, and which one is the label. */
export interface Choice {
  inputs: Record<string, string[]>
  label: string
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
  return { inputs, label: as === label ? path : c.label === path ? '' : c.label }
}

const plain = /^[\p{L}_][\p{L}\p{N}_-]*$/u

/** The input_config of a choice: by names where those are enough, else by paths. */
export function configOf(c: Choice, inputs: Pick<Tensor, 'name'>[]): Record<string, unknown> {
  const fields = inputs.flatMap((t) => c.inputs[t.name] ?? [])
  const named = inputs.length === 1 || inputs.every((t) => c.inputs[t.name]?.length === 1 && c.inputs[t.name]?.[0] === t.name)
  if (named && [...fields, ...(c.label ? [c.label] : [])].every((p) => plain.test(p))) {
    return { data_fields: fields, ...(c.label ? { label_field: c.label } : {}) }
  }
  const paths = Object.fromEntries(inputs.map((t) => [t.name, c.inputs[t.name] ?? []]).map(([name, all]) => [name, all?.length === 1 ? all[0] : all]))
  return { inputs: paths, ...(c.label ? { label: c.label } : {}) }
}

/** The members of a datasource's form that a topic needs. */
export type TopicForm = Omit<DatasourceForm, 'input_config'> & { input_config: Record<string, unknown> }

/** The control message that a form comes to, as any producer may send it. */
export function messageOf(f: TopicForm): Record<string, unknown> {
  const { deployment, topic, since, until, ...rest } = f
  return { deployment_id: deployment, topic, since: since || 'earliest', ...(until ? { until } : {}), ...rest }
}

/** The form as a control message, and as a program that writes such records and announces them. */
export function topicWays(f: TopicForm, example: unknown, brokers: string, controlTopic: string): Terminal[] {
  const message = JSON.stringify(messageOf(f), null, 2)
  return [
    { name: 'control message', text: message },
    { name: 'Python', text: pythonOf(f, example, brokers, controlTopic) },
  ]
}

function pythonOf(f: TopicForm, example: unknown, brokers: string, controlTopic: string): string {
  const record =
    f.input_format === 'JSON' && example !== null && typeof example === 'object'
      ? `\n# one record as the topic holds them\nrecord = json.loads(${JSON.stringify(JSON.stringify(example))})\nproducer.produce(${JSON.stringify(f.topic)}, value=json.dumps(record))\nproducer.flush()\n`
      : `\n# the records of ${f.topic} are there already\n`
  return `# pip install confluent-kafka
import json
from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": ${JSON.stringify(brokers)}, "acks": "all"})
${record}
# train on what the topic holds
message = json.loads(${JSON.stringify(JSON.stringify(messageOf(f)))})
producer.produce(${JSON.stringify(controlTopic)}, key=b"${f.deployment}", value=json.dumps(message))
producer.flush()`
}
