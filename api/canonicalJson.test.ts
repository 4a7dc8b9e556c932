import { expect, test } from 'vitest'
import { canonicalJson } from './canonicalJson.ts'

test('keys are sorted at every depth and absent ones left out', () => {
  expect(canonicalJson({ b: [{ d: 1, c: null }], a: undefined, A: 'x' })).toBe(
    '{"A":"x","b":[{"c":null,"d":1}]}',
  )
})

test('order of list items counts', () => {
  expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]))
})
