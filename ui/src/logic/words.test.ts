import { describe, expect, it } from 'vitest'
import { ago, bytes, duration, metric, outOf, percent, plural, readiness, shape, where } from './words'

const now = Date.parse('2026-01-01T12:00:00Z')

describe('words', () => {
  it.each([
    ['2026-01-01T11:59:55Z', 'now'],
    ['2026-01-01T11:59:20Z', '40 sec. ago'],
    ['2026-01-01T11:59:11Z', '40 sec. ago'],
    ['2026-01-01T09:00:00Z', '3 hr. ago'],
    ['2026-01-08T12:00:01Z', 'in 7 days'],
    ['', ''],
  ])('%s is %s', (time, want) => expect(ago(time, now)).toBe(want))
  it('says how many there are of a total that may not be known', () => {
    expect([outOf(3, 5), outOf(3, 0)]).toEqual(['3 of 5', '3'])
  })
  it('writes durations', () => {
    expect([0.85, 4.25, 17.7, 185, 7800].map(duration)).toEqual(['850 ms', '4.3 s', '18 s', '3 min 5 s', '2 h 10 min'])
  })
  it('writes metrics', () => {
    expect([0.96662, 0, 1234567, 0.00001, 'NaN', null].map(metric)).toEqual(['0.9666', '0', '1.23e+6', '1.00e-5', 'NaN', '–'])
  })
  it('says how many replicas are ready', () => {
    expect(readiness({ status: 'running', ready: 1, wanted: 2 })).toBe('running, ready 1 of 2')
    expect(readiness({ status: 'stopped', ready: 0, wanted: 0 })).toBe('stopped')
  })
  it('says where a stream lies', () => {
    const range = { topic: 't', partition: 1, offset: 70_000 }
    expect([where([range]), where([range, range]), where([])]).toEqual(['t, partition 1 from 70,000', 't, 2 ranges', 'no usable ranges'])
  })
  it('writes sizes and shapes', () => {
    expect([7, 1500, 47_100_000].map(bytes)).toEqual(['7 B', '1.5 kB', '47 MB'])
    expect([shape([28, 28]), shape([]), shape([-1, 3])]).toEqual(['28 × 28', 'scalar', '? × 3'])
    expect([plural(1, 'model'), plural(2000, 'model'), percent(0.1)]).toEqual(['1 model', '2,000 models', '10 %'])
  })
})
