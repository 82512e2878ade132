import { describe, expect, it } from 'vitest'
import { brief, format, parse, set } from './kwargs'

describe('arguments of Keras', () => {
  it.each([
    ['epochs=5', { epochs: 5 }],
    ['epochs=5, shuffle=True', { epochs: 5, shuffle: true }],
    ['class_weight={0: 1.0, 1: 2.5}, steps_per_epoch=None', { class_weight: { 0: 1, 1: 2.5 }, steps_per_epoch: null }],
    ['verbose="auto",', { verbose: 'auto' }],
    ['epochs=1_000', { epochs: 1000 }],
    ["early_stopping={'monitor': 'val_loss', \"patience\": 3, 'restore_best_weights': True, 'baseline': None}", { early_stopping: { monitor: 'val_loss', patience: 3, restore_best_weights: true, baseline: null } }],
    ['', {}],
  ])('reads %s', (text, want) => expect(parse(text)).toEqual(want))
  it.each(['epochs', 'epochs=', 'epochs=5 shuffle=True', 'a=1, a=2', 'x=open()', 'class_weight={a: 1}'])('does not read %s', (text) =>
    expect(parse(text)).toBeNull(),
  )
  it('writes what it reads', () => {
    const text = 'epochs=5, shuffle=False, class_weight={0: 1, 1: 2.5}'
    expect(format(parse(text) ?? {})).toBe(text)
    const nested = 'early_stopping={"monitor": "loss", "patience": 3, "restore_best_weights": True}'
    expect(format(parse(nested) ?? {})).toBe(nested)
  })
  it('leaves out what says nothing', () => {
    expect(brief({ epochs: 5, shuffle: true, verbose: 0, validation_freq: 1 })).toBe('epochs=5')
    expect(brief({ epochs: 5, shuffle: false, validation_freq: 2 })).toBe('epochs=5, shuffle=False, validation_freq=2')
  })
  it('sets one and keeps the others', () => {
    expect(set('epochs=5, shuffle=True', 'epochs', 7)).toBe('epochs=7, shuffle=True')
    expect(set('epochs=5, shuffle=True', 'shuffle', undefined)).toBe('epochs=5')
    expect(set('epochs=', 'epochs', 7)).toBeNull()
  })
})
