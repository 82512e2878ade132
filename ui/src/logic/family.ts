// Which results went on from which: the tree that a result belongs to.
import type { Result } from '../api/types'

export interface Relative {
  id: number
  /** undefined: it was deleted, or is not known here */
  result: Result | undefined
  /** how many branches lie left of it: the first child goes straight on */
  lane: number
}

/** The tree of a result in the order in which it is drawn, the oldest first; at most so many. */
export function familyOf(all: ReadonlyMap<number, Result>, id: number, most = 100): Relative[] {
  const children = new Map<number, Result[]>()
  for (const r of [...all.values()].sort((a, b) => a.id - b.id)) {
    if (r.parent) children.set(r.parent, [...(children.get(r.parent) ?? []), r])
  }
  let root = id
  for (let up = all.get(id)?.parent; up && up < root; up = all.get(up)?.parent) root = up // a parent is older
  const drawn: Relative[] = []
  const left: Relative[] = [{ id: root, result: all.get(root), lane: 0 }]
  for (let next = left.pop(); next && drawn.length < most; next = left.pop()) {
    const at = next
    drawn.push(at)
    const own = (children.get(at.id) ?? []).filter((r) => r.id > at.id)
    for (const [i, r] of [...own.entries()].reverse()) left.push({ id: r.id, result: r, lane: at.lane + i })
  }
  return drawn
}
