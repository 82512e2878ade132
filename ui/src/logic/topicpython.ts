// A program in Python, by confluent-kafka, that writes records as a topic holds
// them and announces what lies there.
import type { Look } from '../api/types'
import type { TopicForm } from './topics'

/** What a program needs to know of a topic's records. */
export type Written = Pick<Look, 'items' | 'value'>

interface Part {
  install: string[]
  imports: string[]
  /** What stands before the record: schema, serializer. */
  before: string
  /** The expression of a record's value, and of its key where there is one. */
  value: string
  key?: string
}

const text = (v: unknown) => JSON.stringify(typeof v === 'string' ? v : JSON.stringify(v))

/** The program; message is the control message of the form. */
export function pythonOf(f: TopicForm, message: unknown, look: Written | undefined, brokers: string, controlTopic: string): string {
  const topic = (f.topic.split(',')[0] ?? f.topic).split(':')[0] ?? ''
  const example = look?.items[0]
  const part = partOf(f, look?.value.schemas?.[0], example?.value)
  const key = part.key ?? (typeof example?.key === 'string' && example.key ? text(example.key) : undefined)
  const install = part.install.some((p) => p.startsWith('confluent-kafka')) ? part.install : ['confluent-kafka', ...part.install]
  return `# pip install ${install.map((p) => (/[[,]/.test(p) ? `"${p}"` : p)).join(' ')}
import json
from confluent_kafka import Producer
${part.imports.map((line) => `${line}\n`).join('')}
TOPIC = ${text(topic)}
producer = Producer({"bootstrap.servers": ${text(brokers)}, "acks": "all"})
${part.before}
# one record as the topic holds them
producer.produce(TOPIC, ${key ? `key=${key}, ` : ''}value=${part.value})
producer.flush()

# train on what the topic holds
message = json.loads(${text(message)})
producer.produce(${text(controlTopic)}, key=b"${f.deployment}", value=json.dumps(message))
producer.flush()`
}

function partOf(f: TopicForm, schema: number | undefined, example: unknown): Part {
  if (f.input_format === 'RAW') return raw(f.input_config)
  const record = `record = json.loads(${text(example ?? {})})\n`
  if (schema !== undefined) return framed(f.input_format, schema, record)
  if (f.input_format === 'AVRO') return avro(f.input_config, record)
  if (f.input_format === 'PROTOBUF') return { ...generated(record, 'the .proto file of the input_config'), value: 'ParseDict(record, Record()).SerializeToString()' }
  return { install: [], imports: [], before: record, value: 'json.dumps(record)' }
}

/** Records whose schema a registry holds, by confluent-kafka's own serializers. */
function framed(format: TopicForm['input_format'], id: number, record: string): Part {
  const registry = `registry = SchemaRegistryClient({"url": "http://your-schema-registry:8081"})\nschema = registry.get_schema(${id})  # that wrote the newest records\n`
  const imports = (kind: string, name: string) => [
    'from confluent_kafka.schema_registry import SchemaRegistryClient',
    `from confluent_kafka.schema_registry.${kind} import ${name}`,
    'from confluent_kafka.serialization import MessageField, SerializationContext',
  ]
  const value = (of: string) => `serialize(${of}, SerializationContext(TOPIC, MessageField.VALUE))`
  const known = '{"auto.register.schemas": False}'
  if (format === 'PROTOBUF') {
    const made = generated(record, `print(schema.schema_str), of schema ${id} of the registry,`)
    return {
      install: ['confluent-kafka[protobuf,schemaregistry]', ...made.install],
      imports: [...imports('protobuf', 'ProtobufSerializer'), ...made.imports],
      // By its class's schema, which registries other than Confluent's do not find as the text that is there.
      before: `${registry}${made.before}serialize = ProtobufSerializer(Record, registry, {"use.deprecated.format": False})  # registers the schema of the class\n`,
      value: value('ParseDict(record, Record())'),
    }
  }
  if (format === 'AVRO') {
    return { install: ['confluent-kafka[avro,schemaregistry]'], imports: imports('avro', 'AvroSerializer'), before: `${registry}serialize = AvroSerializer(registry, schema, conf=${known})\n${record}`, value: value('record') }
  }
  return { install: ['confluent-kafka[json,schemaregistry]'], imports: imports('json_schema', 'JSONSerializer'), before: `${registry}serialize = JSONSerializer(schema, registry, conf=${known})\n${record}`, value: value('record') }
}

/** Protobuf needs a class, which protoc makes of the schema. */
function generated(record: string, where: string): Omit<Part, 'value'> {
  return {
    install: ['protobuf', 'grpcio-tools'],
    imports: [
      `# save ${where} as record.proto; its class is made once by:`,
      '#   python -m grpc_tools.protoc -I. --python_out=. record.proto',
      'import record_pb2',
      'from google.protobuf.json_format import ParseDict',
      'from google.protobuf.message_factory import GetMessageClass',
    ],
    before: `Record = GetMessageClass(list(record_pb2.DESCRIPTOR.message_types_by_name.values())[0])  # the first message of the file\n${record}`,
  }
}

/** Avro without a registry: the bytes of a record alone. */
function avro(config: Record<string, unknown>, record: string): Part {
  return {
    install: ['fastavro'],
    imports: ['from io import BytesIO', 'from fastavro import parse_schema, schemaless_writer'],
    before: `schema = parse_schema(json.loads(${text(config.data_scheme ?? { type: 'record', name: 'sample', fields: [] })}))\n${record}value = BytesIO()\nschemaless_writer(value, schema, record)\n`,
    value: 'value.getvalue()',
  }
}

/** RAW: the bytes of the numbers, the label in the key. */
function raw(config: Record<string, unknown>): Part {
  const said = (name: string, without: string) => (typeof config[name] === 'string' && config[name] !== '' ? config[name] : without)
  const shape = (name: string) => `(${said(name, '').split(/\s+/).filter(Boolean).map((n) => `${n},`).join(' ')})`
  if (config.data_type === 'string') return { install: [], imports: [], before: '', value: '"a text".encode()' }
  return {
    install: ['numpy'],
    imports: ['import numpy as np'],
    before: `sample = np.zeros(${shape('data_reshape')}, ${text(said('data_type', 'float32'))})  # your numbers\nlabel = np.zeros(${shape('label_reshape')}, ${text(said('label_type', 'uint8'))})  # and their label\n`,
    value: 'sample.tobytes()',
    key: 'label.tobytes()',
  }
}
