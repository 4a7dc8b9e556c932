import { expect, test } from 'vitest'
import { compileExpression, ExpressionError, unfoldedSteps } from './expression.ts'

test.each([
  ['', 0],
  ['abc', 3],
  ['\\d[a-z]+', 3],
  ['[]a{9}]{5}', 5],
  ['[[:alpha:]\\]]{4}', 4],
  ['a{7}', 7],
  ['a{2,9}', 9],
  ['a{3,}', 3],
  ['a{0}', 1],
  ['a{', 2],
  ['\\{3}', 3],
  ['\\pL{10}', 10],
  ['\\p{Greek}{10}', 10],
  ['(ab){10}', 30],
  ['((a{10}){10}){10}', 1110],
  ['(?:a|b){100}', 600],
  ['\\Qa{9}\\E', 8],
])('%s unfolds to about %i steps', (text, steps) => {
  expect(unfoldedSteps(text)).toBe(steps)
})

test('a long list of kernels fits', () => {
  const kernels = Array.from({ length: 200 }, (_, i) => `5\\.15\\.0-${i}-generic`).join('|')
  expect(kernels.length).toBeGreaterThan(3500)
  const expression = compileExpression(`^(${kernels})$`)
  expect(expression.matcher('5.15.0-199-generic').find()).toBe(true)
  expect(expression.matcher('5.15.0-200-generic').find()).toBe(false)
})

test.each(['(?:[a-z0-9_]{20}x){400}', `(?:${'a'.repeat(100)}){100}`, `(((${'.'.repeat(90)}){10}){10}){10}`])(
  '%s is small to write and large to hold: refused before it is compiled',
  (text) => {
    expect(() => compileExpression(text)).toThrow(ExpressionError)
    expect(() => compileExpression(text)).toThrow('steps, more than 8000')
  },
)

test('what RE2 does not know is refused with its words', () => {
  expect(() => compileExpression('(?=a)')).toThrow(ExpressionError)
  expect(() => compileExpression('(a')).toThrow('missing closing )')
})
