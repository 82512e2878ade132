// Ways to send a stream, filled in with the user's deployment, model and Kafka.
import type { Export, Tensor } from '../api/types'
import { quote, serverFlag, type Terminal } from './ascommand'

export interface Target {
  deployment: number
  topic: string
  validationRate: number
  testRate: number
  brokers: string
  controlTopic: string
  server: string
  /** The URL that takes files as streams. */
  streams: string
  model: Pick<Export, 'inputs' | 'labels'> | undefined
}

/** RAW's input_config for a model with one input; images are sent as bytes. */
export function rawConfig(model: Target['model']): Record<string, string> {
  const input = model?.inputs[0]
  const label = model?.labels[0]
  return {
    data_type: input && isImage(input) ? 'uint8' : (input?.dtype ?? 'float32'),
    data_reshape: input?.shape.join(' ') ?? '',
    label_type: label ? (label.shape.length === 0 && label.dtype.startsWith('int') ? 'uint8' : label.dtype) : 'uint8',
    label_reshape: label?.shape.join(' ') ?? '',
  }
}

/** The format and input_config of a stream of a model: RAW, and JSON where it takes text. */
export function recordConfig(model: Target['model']): { format: 'RAW' | 'JSON'; config: Record<string, unknown> } {
  if (!model?.inputs.some((t) => t.dtype === 'string')) return { format: 'RAW', config: rawConfig(model) }
  return { format: 'JSON', config: { data_fields: model.inputs.map((t) => t.name), label_field: 'label' } }
}

/** Whether a tensor looks like a picture: 8 to 512 pixels a side, grey or coloured. */
export function isImage(t: Tensor): boolean {
  const [height = 0, width = 0, channels = 1] = t.shape
  const side = (n: number) => n >= 8 && n <= 512
  return (t.shape.length === 2 || t.shape.length === 3) && side(height) && side(width) && [1, 3, 4].includes(channels) && height / width < 3 && width / height < 3
}

/** The control message of a stream of total records in one partition. */
export function controlMessage(t: Target, total: number): Record<string, unknown> {
  const { format, config } = recordConfig(t.model)
  return {
    deployment_id: t.deployment,
    topic: `${t.topic}:0:0:${total}`,
    input_format: format,
    input_config: config,
    validation_rate: t.validationRate,
    test_rate: t.testRate,
    total_msg: total,
    description: '',
  }
}

/** Each way to send a stream. */
export function producers(t: Target): Terminal[] {
  return [
    { name: 'kafkaml', text: commandLine(t) },
    { name: 'Go', text: goProgram(t) },
    { name: 'Python', text: pythonProgram(t) },
    { name: 'curl', text: curl(t) },
    { name: 'control message', text: JSON.stringify(controlMessage(t, 70000), null, 2) },
    { name: 'kcat', text: kcat(t) },
  ]
}

function rates(t: Target): string {
  return (t.validationRate ? ` --validation-rate ${t.validationRate}` : '') + (t.testRate ? ` --test-rate ${t.testRate}` : '')
}

function commandLine(t: Target): string {
  const image = t.model?.inputs[0] && isImage(t.model.inputs[0])
  const files = image ? 'train-images-idx3-ubyte.gz train-labels-idx1-ubyte.gz' : 'data.csv --label target'
  return `kafkaml${serverFlag(t.server)} stream send ${files} \\\n  --topic ${quote(t.topic)} --deployment ${t.deployment}${rates(t)}`
}

function curl(t: Target): string {
  return `curl ${quote(t.streams)} -F deployment=${t.deployment} -F topic=${quote(t.topic)} \\\n  -F validation_rate=${t.validationRate} -F test_rate=${t.testRate} -F label=target -F file=@data.csv`
}

function goProgram(t: Target): string {
  const { format, config } = recordConfig(t.model)
  return `cluster, err := stream.Dial(ctx, stream.Config{Brokers: []string{${JSON.stringify(t.brokers)}}})
if err != nil {
	return err
}
sink, err := control.NewSink(ctx, cluster, control.SinkConfig{
	Topic: ${JSON.stringify(t.topic)}, ControlTopic: ${JSON.stringify(t.controlTopic)}, Deployment: ${t.deployment},
	Format: "${format}", Config: json.RawMessage(\`${JSON.stringify(config)}\`),
	ValidationRate: ${t.validationRate}, TestRate: ${t.testRate},
})
if err != nil {
	return err
}
for label, sample := range records {
	if err := sink.Send(ctx, label, sample); err != nil {
		return err
	}
}
_, err = sink.Close(ctx) // waits for every record, then sends the control message
return err`
}

function pythonProgram(t: Target): string {
  const message = JSON.stringify(controlMessage(t, 0), null, 4)
    .replace(/"topic": "[^"]*"/, '"topic": ",".join(f"{TOPIC}:{p}:{o}:{n}" for p, (o, n) in ranges.items())')
    .replace('"total_msg": 0', '"total_msg": sum(n for _, n in ranges.values())')
  const record = recordConfig(t.model).format === 'JSON' ? 'key=None, value=json.dumps({**x, "label": y}).encode()' : 'key=y.tobytes(), value=x.tobytes()'
  return `import json
from kafka import KafkaProducer  # pip install kafka-python

TOPIC = ${JSON.stringify(t.topic)}
producer = KafkaProducer(bootstrap_servers=${JSON.stringify(t.brokers)}, acks="all")
sent = [producer.send(TOPIC, ${record}, partition=0) for x, y in zip(samples, labels)]
producer.flush()
first = sent[0].get().offset
ranges = {0: (first, len(sent))}
producer.send(${JSON.stringify(t.controlTopic)}, key=b"${t.deployment}", value=json.dumps(${message}).encode())
producer.flush()`
}

function kcat(t: Target): string {
  return `# the records are in ${t.topic} already: announce them
echo ${quote(JSON.stringify(controlMessage(t, 70000)))} |
  kcat -P -b ${quote(t.brokers)} -t ${quote(t.controlTopic)} -k ${t.deployment}`
}
