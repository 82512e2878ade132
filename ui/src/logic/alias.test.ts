import { expect, test } from 'vitest'
import { aliased } from './alias'

test('an alias goes by the name that the model has now', () => {
  const result = { model: 1, model_name: 'before' }
  expect(aliased(result, 'champion', new Map([[1, { name: 'now' }]]))).toBe('now@champion')
  expect(aliased(result, 'champion', new Map())).toBe('before@champion') // the model is not read yet
})
