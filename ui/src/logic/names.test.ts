import { describe, expect, it } from 'vitest'
import { freeName, topicName } from './names'

describe('names', () => {
  it('numbers what is taken', () => {
    expect([freeName('a', []), freeName('a', ['a']), freeName('a', ['a', 'a-2', 'a-4'])]).toEqual(['a', 'a-2', 'a-3'])
  })
  it('keeps what a topic may be called', () => expect(topicName('My Digits, 2')).toBe('my-digits-2'))
})
