import { describe, expect, it } from 'vitest'
import { best, flatOf, jsonRecord, numbers, outputsOf, quantile, rawBytes, recordOf, valuesOf } from './predict'

describe('predictions', () => {
  it('asks for one input by its numbers, for several by name', () => {
    const tensor = (name: string, shape: number[]) => ({ name, dtype: 'float32', shape })
    expect(valuesOf([tensor('x', [2])], [1, 2])).toEqual([1, 2])
    expect(valuesOf([tensor('x', []), tensor('y', [2])], [1, 2, 3])).toEqual({ x: [1], y: [2, 3] })
  })
  it('flattens what comes back', () => {
    expect([flatOf([[1, null], [2]]), flatOf({ a: [3], b: [4] }), flatOf(undefined)]).toEqual([[1, null, 2], [3], []])
  })
  it('tells outputs apart', () => {
    expect(outputsOf([[1, null]])).toEqual([{ name: '', values: [1, null] }])
    expect(outputsOf({ chances: [0.1, 0.9], word: ['good'] })).toEqual([{ name: 'chances', values: [0.1, 0.9] }, { name: 'word', values: ['good'] }])
  })
  it('reads pasted text', () => {
    const tensor = (name: string, dtype: string, shape: number[] = [1]) => ({ name, dtype, shape })
    const review = [tensor('review', 'string')]
    expect(['a good film', '"a \\"good\\" film"', '{"review": "good"}', '["good"]', '5', '{"review": 5}', ''].map((t) => recordOf(t, review))).toEqual(
      [['a good film'], ['a "good" film'], ['good'], ['good'], ['5'], ['{"review": 5}'], ['']],
    )
    const clerk = [tensor('age', 'float32'), tensor('job', 'string'), tensor('tags', 'string', [2])]
    expect(recordOf('{"tags": ["a", "b"], "job": "nurse", "age": 4, "y": 1}', clerk)).toEqual([4, 'nurse', 'a', 'b'])
    expect([recordOf('[4, "nurse", ["a", "b"]]', clerk), recordOf('nurse', clerk), recordOf('{"age": null, "job": "a", "tags": []}', clerk)]).toEqual([[4, 'nurse', 'a', 'b'], null, null])
    expect(recordOf('1, 2', [tensor('x', 'float32', [2])])).toEqual([1, 2])
  })
  it('writes JSON records', () => {
    const tensor = (name: string, dtype: string, shape: number[] = [1]) => ({ name, dtype, shape })
    const clerk = [tensor('age', 'float32'), tensor('tags', 'string', [2])]
    expect(jsonRecord({}, clerk, [4, 'a', 'b'])).toBe('{"age":4,"tags":["a","b"]}')
    expect(jsonRecord({ data_fields: ['a', 'b'] }, clerk, [4, 'a', 'b'])).toBeNull()
    expect(jsonRecord({ data_fields: 'text' }, [tensor('review', 'string')], ['good'])).toBe('{"text":"good"}')
    expect(jsonRecord({ data_fields: ['a', 'b'] }, [tensor('x', 'float32', [2])], [1, 2])).toBe('{"a":1,"b":2}')
    expect(jsonRecord({ data_fields: ['a', 'b'] }, [tensor('x', 'float32', [3])], [1, 2, 3])).toBeNull()
  })
  it('reads pasted records', () => {
    expect(numbers('[[1, 2], [3, true]]')).toEqual([1, 2, 3, 1])
    expect(numbers('1, 2\n3')).toEqual([1, 2, 3])
    expect(numbers('{"a": 1, "b": 2}')).toEqual([1, 2])
    expect([numbers('a b'), numbers('['), numbers('')]).toEqual([null, null, null])
  })
  it('finds the class', () => expect([best([0.1, 0.9]), best([3]), best([null, 1]), best(['good']), best(['a', 'b'])]).toEqual([1, undefined, 1, 'good', undefined]))
  it('writes RAW', () => {
    expect([...(rawBytes('float32', [1]) ?? [])]).toEqual([0, 0, 128, 63])
    expect([...(rawBytes('string', ['é']) ?? [])]).toEqual([195, 169])
    expect([rawBytes('string', [1]), rawBytes('string', ['a', 'b'])]).toEqual([null, null])
  })
  it('reads quantiles as Prometheus does', () => {
    const text = 'a_bucket{way="x",le="1"} 50\na_bucket{way="x",le="2"} 100\na_bucket{way="x",le="+Inf"} 100\n'
    expect(quantile(text, 'a', 0.5)).toBe(1)
    expect(quantile(text, 'a', 0.75)).toBe(1.5)
    expect(quantile('', 'a', 0.5)).toBeUndefined()
  })
})
