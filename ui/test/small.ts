// Small models that learn a small table, for tests of what comes after them.
import { expect, type Tab } from './setup'

/** A table that small-net can learn: two classes of three numbers. */
export function table(rows: number): string {
  const lines = Array.from({ length: rows }, (_, i) => `${Math.sin(i).toFixed(4)},${Math.cos(i).toFixed(4)},${((i * 7) % 11) / 11},${i % 2}`)
  return `a,b,c,kind\n${lines.join('\n')}\n`
}

/** Registers the example small-net under each name. */
export async function models(tab: Tab, ...names: string[]): Promise<number[]> {
  const { items } = (await (await tab.page.request.get(`${tab.origin}/model-register/models/examples`)).json()) as { items: { name: string }[] }
  const example = items.find((e) => e.name === 'small-net')
  const made = []
  for (const name of names) made.push(await make(tab, 'models', { ...example, name }))
  return made
}

export const configuration = (tab: Tab, name: string, ids: number[]) => make(tab, 'configurations', { name, models: ids })

async function make(tab: Tab, what: string, data: object): Promise<number> {
  const made = await tab.page.request.post(`${tab.origin}/model-register/${what}`, { data })
  expect(made.status(), await made.text()).toBe(201)
  return ((await made.json()) as { id: number }).id
}
