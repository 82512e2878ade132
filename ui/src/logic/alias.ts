// MODEL@ALIAS, as commands take it.
import type { Result } from '../api/types'

/** A result keeps the name that its model had: an alias goes by the one that it has. */
export const aliased = (r: Pick<Result, 'model' | 'model_name'>, alias: string, models: ReadonlyMap<number, { name: string }>): string =>
  `${models.get(r.model)?.name ?? r.model_name}@${alias}`
