import { expect, test } from 'vitest'
import type { Field } from '../api/types'
import { classesOf, configOf, guessLate, guessWindow, label, messageOf, topicWays, useOf, used, type Choice, type TopicForm } from './topics'

const none: Choice = { inputs: { x: [] }, label: '' }

test('a field is used for one thing at a time', () => {
  const both = used(used(none, 'a', 'x'), 'b', 'x')
  expect(both.inputs.x).toEqual(['a', 'b'])
  const moved = used(both, 'a', label)
  expect(moved).toEqual({ inputs: { x: ['b'] }, label: 'a' })
  expect([useOf(moved, 'a'), useOf(moved, 'b'), useOf(moved, 'c')]).toEqual([label, 'x', ''])
  expect(used(moved, 'a', '').label).toBe('')
})

test('names are enough for flat records, nested ones go by path', () => {
  expect(configOf({ inputs: { x: ['a', 'b'] }, label: 'y' }, [{ name: 'x', dtype: 'float32' }])).toEqual({ data_fields: ['a', 'b'], label_field: 'y' })
  expect(configOf({ inputs: { a: ['a'], b: ['b'] }, label: '' }, [{ name: 'a', dtype: 'float32' }, { name: 'b', dtype: 'float32' }])).toEqual({ data_fields: ['a', 'b'] })
  expect(configOf({ inputs: { x: ['payment.amount', 'items[0]'] }, label: 'y' }, [{ name: 'x', dtype: 'float32' }])).toEqual({ inputs: { x: ['payment.amount', 'items[0]'] }, label: 'y' })
  expect(configOf({ inputs: { a: ['c'], b: ['d'] }, label: '' }, [{ name: 'a', dtype: 'float32' }, { name: 'b', dtype: 'float32' }])).toEqual({ inputs: { a: 'c', b: 'd' } })
})

test('words are numbered, and means stand for what is missing', () => {
  const field = (path: string, more: Partial<Field>): Field => ({ path, holds: 'number', role: 'input', seen: 3, missing: 0, distinct: 3, examples: [], ...more })
  const fields = [field('a', {}), field('age', { missing: 1 }), field('brand', { holds: 'text', counts: { visa: 1, amex: 2 } })]
  const inputs = [{ name: 'n', dtype: 'float32' }, { name: 't', dtype: 'string' }]
  expect(configOf({ inputs: { n: ['a', 'age'], t: ['brand'] }, label: 'brand' }, inputs, fields)).toEqual({
    inputs: { n: ['a', { path: 'age', missing: 'mean' }], t: 'brand' }, label: { path: 'brand', classes: ['amex', 'visa'] },
  })
  expect(configOf({ inputs: { n: ['brand'] }, label: '' }, inputs.slice(0, 1), fields)).toEqual({ inputs: { n: [{ path: 'brand', classes: ['amex', 'visa'] }] } })
  expect(configOf({ inputs: { n: ['a b'] }, label: 'a' }, inputs.slice(0, 1), fields)).toEqual({ data_fields: ['a b'], label_field: 'a' })
})

test('a label may come later, on another topic', () => {
  const field = (path: string, more: Partial<Field> = {}): Field => ({ path, holds: 'number', role: 'input', seen: 3, missing: 0, distinct: 3, examples: [], ...more })
  const labels = [field('payment_id'), field('fraud', { holds: 'text', role: 'label', counts: { no: 2, yes: 1 } })]
  expect(guessLate('outcomes', undefined, labels, [field('amount'), field('payment_id')])).toMatchObject({ on: 'payment_id', match: 'payment_id', path: 'fraud' })
  const late = { ...guessLate('outcomes', 'AVRO', labels.slice(1), [field('amount'), field('payment.id')]), within: '24h' }
  expect(late).toMatchObject({ on: 'payment.id', match: '', path: 'fraud' })
  expect(configOf({ inputs: { x: ['amount'] }, label: '', late }, [{ name: 'x', dtype: 'float32' }])).toEqual({
    inputs: { x: 'amount' },
    label: { from: 'topic', topic: 'outcomes', on: 'payment.id', path: 'fraud', classes: ['no', 'yes'], within: '24h', input_format: 'AVRO' },
  })
})

test('records become windows as long as the model takes them', () => {
  const window = guessWindow([{ shape: [] }, { shape: [12, 3] }], true)
  expect(window).toEqual({ by: 'key', size: '12', stride: '1', horizon: '0', within: '' })
  const config = (w: Partial<typeof window>) => configOf({ inputs: { x: ['a'] }, label: 'y', window: { ...window, ...w } }, [{ name: 'x', dtype: 'float32' }])
  expect(config({})).toEqual({ data_fields: ['a'], label_field: 'y', window: { by: 'key', size: 12 } })
  expect(config({ by: '', stride: '12', horizon: '-11 0', within: '2h' }).window).toEqual({ size: 12, stride: 12, horizon: [-11, 0], within: '2h' })
  expect([config({ by: 'field:site' }).window, config({ by: 'field:key' }).window]).toEqual([{ by: 'site', size: 12 }, { by: { path: 'key' }, size: 12 }])
  expect(config({ size: 'many', horizon: '1' }).window).toEqual({ by: 'key', size: 'many', horizon: 1 })
})

test('classes are named by their texts', () => {
  expect(classesOf({ label: { path: 'a', classes: ['no', 'yes'] } })).toEqual(['no', 'yes'])
  expect([classesOf({ label: 'a' }), classesOf({}), classesOf(null)]).toEqual([[], [], []])
})

test('a form is a control message and a program', () => {
  const form: TopicForm = { deployment: 3, topic: 'orders', since: '7d', input_format: 'JSON', input_config: { data_fields: ['a'] }, validation_rate: 0.2, test_rate: 0 }
  expect(messageOf(form)).toEqual({ deployment_id: 3, topic: 'orders', since: '7d', input_format: 'JSON', input_config: { data_fields: ['a'] }, validation_rate: 0.2, test_rate: 0 })
  expect(messageOf({ ...form, since: '' }).since).toBe('earliest')
  const item = { partition: 0, offset: 0, time: '', key: 'k1', value: { a: "it's", b: [1] } }
  const look = { items: [item], value: { kind: 'JSON' as const, of: {}, sizes: null, fields: [] } }
  const [message, python] = topicWays(form, look, 'k:9092', 'CONTROL')
  expect(JSON.parse(message?.text ?? '')).toEqual(messageOf(form))
  expect(python?.text).toContain('from confluent_kafka import Producer')
  expect(python?.text).toContain('producer.produce(TOPIC, key="k1", value=json.dumps(record))')
  const program = (more: Partial<TopicForm>, schemas?: number[]) => topicWays({ ...form, ...more }, { ...look, value: { ...look.value, ...(schemas ? { schemas } : {}) } }, 'k:9092', 'CONTROL')[1]?.text
  expect(program({}, [7])).toContain('serialize = JSONSerializer(schema, registry')
  expect(program({ input_format: 'AVRO' }, [7])).toContain('schema = registry.get_schema(7)')
  expect(program({ input_format: 'AVRO', input_config: { data_scheme: { type: 'int' } } })).toContain(String.raw`parse_schema(json.loads("{\"type\":\"int\"}"))`)
  expect(program({ input_format: 'PROTOBUF' }, [7])).toContain('ProtobufSerializer(Record, registry')
  expect(program({ input_format: 'PROTOBUF' })).toContain('python -m grpc_tools.protoc')
  expect(program({ input_format: 'RAW', input_config: { data_type: 'uint8', data_reshape: '28 28' } })).toContain('np.zeros((28, 28,), "uint8")')
  expect(python?.text).toContain('producer.produce("CONTROL", key=b"3"')
})
