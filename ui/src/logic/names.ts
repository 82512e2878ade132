/** The name, or with the first number from 2 that makes it one that is not taken. */
export function freeName(name: string, taken: Iterable<string>): string {
  const all = new Set(taken)
  if (!all.has(name)) return name
  let n = 2
  while (all.has(`${name}-${n}`)) n++
  return `${name}-${n}`
}

/** The name as a topic may be called. */
export function topicName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9._-]+/g, '-')
}
