// What a person has typed into a form, while what is suggested is still on its way.

/** The members of a form that differ from what was suggested. */
export function changes<T extends object>(suggested: T, form: T): Partial<T> {
  return Object.fromEntries(Object.entries(form).filter(([name, value]) => suggested[name as keyof T] !== value)) as Partial<T>
}
