import { expect, test } from 'vitest'
import { configOf, label, messageOf, topicWays, useOf, used, type Choice, type TopicForm } from './topics'

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
  expect(configOf({ inputs: { x: ['a', 'b'] }, label: 'y' }, [{ name: 'x' }])).toEqual({ data_fields: ['a', 'b'], label_field: 'y' })
  expect(configOf({ inputs: { a: ['a'], b: ['b'] }, label: '' }, [{ name: 'a' }, { name: 'b' }])).toEqual({ data_fields: ['a', 'b'] })
  expect(configOf({ inputs: { x: ['payment.amount', 'items[0]'] }, label: 'y' }, [{ name: 'x' }])).toEqual({ inputs: { x: ['payment.amount', 'items[0]'] }, label: 'y' })
  expect(configOf({ inputs: { a: ['c'], b: ['d'] }, label: '' }, [{ name: 'a' }, { name: 'b' }])).toEqual({ inputs: { a: 'c', b: 'd' } })
})

test('a form is a control message and a program', () => {
  const form: TopicForm = { deployment: 3, topic: 'orders', since: '7d', input_format: 'JSON', input_config: { data_fields: ['a'] }, validation_rate: 0.2, test_rate: 0 }
  expect(messageOf(form)).toEqual({ deployment_id: 3, topic: 'orders', since: '7d', input_format: 'JSON', input_config: { data_fields: ['a'] }, validation_rate: 0.2, test_rate: 0 })
  expect(messageOf({ ...form, since: '' }).since).toBe('earliest')
  const [message, python] = topicWays(form, { a: "it's", b: [1] }, 'k:9092', 'CONTROL')
  expect(JSON.parse(message?.text ?? '')).toEqual(messageOf(form))
  expect(python?.text).toContain('from confluent_kafka import Producer')
  expect(python?.text).toContain('producer.produce("CONTROL", key=b"3"')
})
