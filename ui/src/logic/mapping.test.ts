import { describe, expect, test } from 'vitest'
import type { Field, Tensor } from '../api/types'
import { configOf, holds, mappingOf, placed, placeOf, values } from './mapping'

const field = (path: string, more: Partial<Field> = {}): Field => ({ path, holds: 'number', role: 'input', seen: 2, missing: 0, distinct: 2, examples: [1], ...more })
const input = (name: string): Tensor => ({ name, dtype: 'float32', shape: [2] })

describe('the input_config of what was clicked', () => {
  const fields = [field('a'), field('b.c'), field('d'), field('class', { holds: 'text', counts: { yes: 1, no: 1 } }), field('y')]
  const start = mappingOf({ input_format: 'JSON', input_config: {}, inputs: { x: ['a', 'd'] }, label: 'y', notes: [] })
  const order = fields.map((f) => f.path)

  test('names are enough for members of the record', () => {
    expect(configOf(start, [input('x')], fields)).toEqual({ data_fields: ['a', 'd'], label_field: 'y' })
  })
  test('a nested field needs paths, in the order of the records', () => {
    const m = placed(start, 'b.c', 'input:x', order)
    expect(configOf(m, [input('x')], fields)).toEqual({ inputs: { x: ['a', 'b.c', 'd'] }, label: 'y' })
  })
  test('classes that are words are numbered', () => {
    const m = placed(start, 'class', 'label', order)
    expect(configOf(m, [input('x')], fields)).toEqual({ inputs: { x: ['a', 'd'] }, label: { path: 'class', classes: ['no', 'yes'] } })
  })
  test('several inputs take a field each', () => {
    const m = { inputs: { a: ['a'], d: ['d'] }, label: '' }
    expect(configOf(m, [input('a'), input('d')], fields)).toEqual({ data_fields: ['a', 'd'] })
    expect(configOf({ inputs: { a: ['a'], other: ['d'] }, label: '' }, [input('a'), input('other')], fields)).toEqual({ inputs: { a: 'a', other: 'd' } })
  })
  test('a field is at one place', () => {
    const m = placed(start, 'a', 'label', order)
    expect([placeOf(m, 'a'), placeOf(m, 'd'), placeOf(m, 'y')]).toEqual(['label', 'input:x', ''])
    expect(placeOf(placed(m, 'a', '', order), 'a')).toBe('')
  })
})

test('a field in words', () => {
  expect(holds(field('a', { whole: true }))).toBe('whole number')
  expect(holds(field('a', { holds: 'numbers', length: [3, 3] }))).toBe('numbers of 3')
  expect(holds(field('a', { holds: 'texts', length: [0, 3] }))).toBe('texts of 0 to 3')
  expect(values(field('a', { least: 0.1234567, most: 3, missing: 2, distinct: 50 }))).toBe('0.123457 to 3; 2 without')
  expect(values(field('a', { counts: { '0': 4, '1': 2 } }))).toBe('0 (4), 1 (2)')
  expect(values(field('a', { holds: 'text', distinct: 90, examples: ['x', 'y', 'z'] }))).toBe('"x", "y"')
})
