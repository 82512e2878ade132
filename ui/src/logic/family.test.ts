import { describe, expect, it } from 'vitest'
import type { Result } from '../api/types'
import { familyOf } from './family'

const of = (parents: Record<number, number>) =>
  new Map(Object.entries(parents).map(([id, parent]) => [Number(id), { id: Number(id), parent: parent || undefined } as Result]))
const drawn = (all: Map<number, Result>, id: number, most?: number) => familyOf(all, id, most).map((r) => `${r.id}@${r.lane}${r.result ? '' : '?'}`)

describe('familyOf', () => {
  const tree = of({ 1: 0, 2: 1, 3: 2, 4: 1, 5: 4, 6: 0, 7: 6 })
  it('draws rounds in one lane, branches beside them', () => {
    expect(drawn(tree, 3)).toEqual(['1@0', '2@0', '3@0', '4@1', '5@1'])
    expect(drawn(tree, 7)).toEqual(['6@0', '7@0'])
  })
  it('shows a parent that is gone', () => expect(drawn(of({ 8: 3, 9: 8 }), 9)).toEqual(['3@0?', '8@0', '9@0']))
  it('ends where there are many, or a circle', () => {
    expect(drawn(tree, 1, 2)).toEqual(['1@0', '2@0'])
    expect(drawn(of({ 1: 2, 2: 1 }), 2)).toEqual(['1@0', '2@0'])
  })
})
