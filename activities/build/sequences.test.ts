import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withoutSequences } from './sequences.ts'

const esc = '\u001b'
const link = (text: string, end: string) => `${esc}]8;;https://a/${end}${text}${esc}]8;;${end}`

test.each<[string, string, string]>([
  ['colours', `${esc}[1;31merror${esc}[0m: x`, 'error: x'],
  ['links that end with BEL', `a ${link('b', '\u0007')} c`, 'a b c'],
  ['links that end with ST', `a ${link('b', `${esc}\\`)} c`, 'a b c'],
  ['links that end with the ST of 8 bits', `a ${link('b', '\u009c')} c`, 'a b c'],
  ['a title', `${esc}]0;title\u0007text`, 'text'],
  ['what never ends, without its beginning', `${esc}]0;title and more`, '0;title and more'],
  [
    'what ends too late, without its beginning',
    `${esc}]0;${'x'.repeat(3000)}\u0007`,
    `0;${'x'.repeat(3000)}\u0007`,
  ],
  ['what comes together when something is taken out', `${esc}${esc}]0;a\u0007]0;b`, ']0;b'],
])('%s', (_name, line, expected) => {
  expect(withoutSequences(line)).toBe(expected)
})

test('no escape is left, whatever comes', () => {
  const part = fc.constantFrom(esc, ']', '\u0007', `${esc}]`, `${esc}\\`, '\u009c', '0;a', '[31m')
  fc.assert(
    fc.property(fc.array(part, { maxLength: 40 }), (parts) => {
      expect(withoutSequences(parts.join(''))).not.toContain(esc)
    }),
  )
})
