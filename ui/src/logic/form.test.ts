import { expect, it } from 'vitest'
import { changes } from './form'

it('knows what was typed from what was suggested', () => {
  expect(changes({ topic: '', replicas: 1, name: 'a' }, { topic: 'orders', replicas: 1, name: '' })).toEqual({ topic: 'orders', name: '' })
})
