import { expect, test } from 'vitest'
import { costs, numbers } from './formats'

test('what a conversion costs', () => {
  const quality = { split: 'test', records: 2000, before: 0.9705, after: 0.9684, difference: 0.012 }
  expect(costs({ name: 'tflite' })).toBe('made when you ask for it')
  expect(costs({ name: 'tflite', size: 10 })).toBe('')
  expect(costs({ name: 'tflite', size: 10, quality: { ...quality, metric: 'accuracy' } })).toBe('accuracy 96.84 %, before 97.05 %, on 2,000 records of the test split')
  expect(costs({ name: 'tflite', size: 10, quality: { ...quality, metric: 'mean_absolute_error' } })).toContain('mean absolute error')
  expect(costs({ name: 'tflite', size: 10, quality })).toContain('outputs differ by')
  expect([numbers(undefined), numbers('int8')]).toEqual(['as trained', 'whole numbers of 8 bits (int8)'])
})
