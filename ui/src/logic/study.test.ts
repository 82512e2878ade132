import { describe, expect, it } from 'vitest'
import type { Parameter, Result } from '../api/types'
import { bestFirst, linesOf, place, rowOf, rowsOf, said, spaceOf, valuesOf } from './study'

const trial = (id: number, status: string, value?: number, rate = 0.01) =>
  ({ id, status, trial: { study: 1, number: id, parameters: { rate, size: 32 }, ...(value === undefined ? {} : { value }) } }) as unknown as Result
const rate: Parameter = { name: 'rate', kind: 'float', low: 1e-4, high: 1, log: true }
const size: Parameter = { name: 'size', kind: 'choice', choices: [16, 32, 64] }

describe('study', () => {
  it('says parameters as a space is written', () => {
    expect([rate, size, { name: 'hp.n', kind: 'int', high: 9, step: 3 }, { name: 'hp.m', kind: 'int', low: 1, high: 9, log: true }].map((p) => said(p as Parameter)).join(', '))
      .toBe('rate=log(0.0001,1), size=[16,32,64], hp.n=int(0,9,3), hp.m=int(1,9,log)')
    expect(valuesOf({ 'hp.n': 3, 'hp.act': 'relu' })).toBe('hp.n=3, hp.act=relu')
  })

  it('writes a space as its form has it', () => {
    const hp = { name: 'hp.n', kind: 'int', low: 16, high: 64, step: 16 } as Parameter
    const rows = [rowOf(rate, true), rowOf(size), { ...rowOf(hp, true), high: 32 }, rowOf({ name: 'hp.m', kind: 'int', low: 1, high: 9, log: true }, true)]
    expect(spaceOf(['a'], rows)).toBe('model=[a], rate=log(0.0001,1), hp.n=int(16,32,16), hp.m=int(1,9,log)')
    expect(spaceOf([], [rowOf(size, true)])).toBe('size=[16, 32, 64]')
    expect(rowsOf([{ name: 'a', hyperparameters: [hp] }, { name: 'b', hyperparameters: [{ ...size, name: 'hp.n' }] }, { name: 'c' }])).toEqual([
      { ...rowOf(hp), source: 'hp.n=int(16,64,16) of a, hp.n=[16,32,64] of b' },
    ])
  })

  it('puts the best first, and what did not finish last', () => {
    const all = [trial(1, 'failed'), trial(2, 'finished', 0.5), trial(3, 'pruned', 0.99), trial(4, 'finished', 0.9)]
    expect(bestFirst(all, 'max').map((r) => r.id)).toEqual([4, 2, 3, 1])
    expect(bestFirst(all, 'min').map((r) => r.id)).toEqual([2, 4, 3, 1])
  })
  it('places values on axes', () => {
    expect(place(rate, 1e-2)).toBeCloseTo(0.5)
    expect(place(size, 32)).toBe(0.5)
    expect(place({ name: 'n', kind: 'int', low: 2, high: 2 }, 2)).toBe(0.5)
  })
  it('draws the line of a trial past the parameters of other models', () => {
    const of = { ...trial(1, 'finished', 1), model_name: 'b' }
    expect(linesOf([rate, { ...size, model: 'a' }, { ...size, model: 'b' }], [of, trial(2, 'failed')], 'max').map((l) => l.places)).toEqual([[expect.closeTo(0.5), undefined, 0.5, 0.5]])
  })
  it('draws the best line last', () => {
    const lines = linesOf([rate, size], [trial(1, 'finished', 0.9), trial(2, 'finished', 0.5, 1), trial(3, 'failed')], 'max')
    expect(lines).toEqual([
      { id: 2, places: [1, 0.5, 0], rank: 0 },
      { id: 1, places: [expect.closeTo(0.5), 0.5, 1], rank: 1 },
    ])
  })
})
