import { expect, test } from 'vitest'
import type { Trial } from '../api/types'
import { faultOf, stepOf } from './trials'

const trial: Trial = { model: 1, version: 2, records: 3, metrics: { accuracy: 0.5, loss: 0.6931472 }, seconds: 0.25 }

test('a step is said by its figures, a fault by its record', () => {
  expect(stepOf(trial)).toBe('loss 0.6931, accuracy 0.5 in 0.3 s')
  expect(stepOf({ ...trial, metrics: { loss: 'NaN' }, seconds: 0.01 })).toBe('loss NaN in <0.1 s')
  const fault = { reason: 'no', failing: 1, tried: 3, record: { partition: 0, offset: 7 } }
  expect(faultOf({ ...trial, fault })).toBe('would not train on partition 0, offset 7: no')
  expect(faultOf({ ...trial, fault: { ...fault, failing: 3 } })).toBe('would not train: no. Each of 3 records alone fails so; the first: partition 0, offset 7')
  expect(faultOf({ ...trial, fault: { reason: 'no', failing: 0, tried: 3, field: 'source', at: { line: 4 } } })).toBe('would not train: no (line 4 of source)')
})
