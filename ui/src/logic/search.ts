/** Whether every word of the query is in one of the texts. */
export function matches(query: string, ...texts: (string | number | undefined | null)[]): boolean {
  const all = texts.join(' ').toLowerCase()
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word))
}
