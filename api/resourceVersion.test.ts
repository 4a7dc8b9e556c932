import { expect, test } from 'vitest'
import { newer } from './resourceVersion.ts'

test.each([
  ['2', '1', true],
  ['1', '2', false],
  ['1', '1', false],
  ['10', '9', true],
  ['9', '10', false],
  // More digits than a double holds.
  ['9007199254740993', '9007199254740992', true],
])('is %s newer than %s: %s', (a, b, expected) => {
  expect(newer(a, b)).toBe(expected)
})
