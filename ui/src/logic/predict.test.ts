import { describe, expect, it } from 'vitest'
import { best, flatOf, numbers, quantile, rawBytes, valuesOf } from './predict'

describe('predictions', () => {
  it('asks for one input by its numbers, for several by name', () => {
    const tensor = (name: string, shape: number[]) => ({ name, dtype: 'float32', shape })
    expect(valuesOf([tensor('x', [2])], [1, 2])).toEqual([1, 2])
    expect(valuesOf([tensor('x', []), tensor('y', [2])], [1, 2, 3])).toEqual({ x: [1], y: [2, 3] })
  })
  it('flattens what comes back', () => {
    expect([flatOf([[1, null], [2]]), flatOf({ a: [3], b: [4] }), flatOf(undefined)]).toEqual([[1, null, 2], [3], []])
  })
  it('reads pasted records', () => {
    expect(numbers('[[1, 2], [3, true]]')).toEqual([1, 2, 3, 1])
    expect(numbers('1, 2\n3')).toEqual([1, 2, 3])
    expect(numbers('{"a": 1, "b": 2}')).toEqual([1, 2])
    expect([numbers('a b'), numbers('['), numbers('')]).toEqual([null, null, null])
  })
  it('finds the class', () => expect([best([0.1, 0.9]), best([3]), best([null, 1])]).toEqual([1, undefined, 1]))
  it('writes RAW', () => {
    expect([...(rawBytes('float32', [1]) ?? [])]).toEqual([0, 0, 128, 63])
    expect(rawBytes('string', [1])).toBeNull()
  })
  it('reads quantiles as Prometheus does', () => {
    const text = 'a_bucket{way="x",le="1"} 50\na_bucket{way="x",le="2"} 100\na_bucket{way="x",le="+Inf"} 100\n'
    expect(quantile(text, 'a', 0.5)).toBe(1)
    expect(quantile(text, 'a', 0.75)).toBe(1.5)
    expect(quantile('', 'a', 0.5)).toBeUndefined()
  })
})
