import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanLine, cleanPiece, cleanText, cutText, withCleanText } from './cleanText.ts'
import { hostileText, notText } from './testing/hostileText.ts'

const esc = '\u001b'

describe('what is left of a text', () => {
  test.each<[string, string, string]>([
    ['colours', `${esc}[1;31merror${esc}[0m: x`, 'error: x'],
    ['a cursor that moves, a screen that is cleared', `a${esc}[2J${esc}[1;1Hb`, 'ab'],
    ['a title, to BEL', `${esc}]0;title\u0007a`, 'a'],
    ['a link, to ST', `${esc}]8;;https://a/${esc}\\text${esc}]8;;${esc}\\`, 'text'],
    ['sequences of 8 bits', `\u009b31ma\u009d0;t\u009cb`, 'ab'],
    ['a device string', `${esc}Pq#0;2${esc}\\a`, 'a'],
    ['a reset, a character set', `${esc}c${esc}(0a`, 'a'],
    ['a string without an end, as text', `${esc}]0;title`, '0;title'],
    ['a string that never ends, as text', `${esc}]${'x'.repeat(5000)}`, 'x'.repeat(5000)],
    ['a line feed ends a string', `${esc}]0;a\nb\u0007`, '0;a\nb'],
    ['what comes together when something goes', `${esc}${esc}[31m]0;a\u0007`, ']0;a'],
    ['progress that is written over', '10%\r20%\r\n30%', '10%\n20%\n30%'],
    ['bells, backspaces, deletes', 'a\u0007b\bc\u007fd\u0085e', 'abcde'],
    ['tabs and line feeds stay', 'a\tb\nc', 'a\tb\nc'],
    ['writing from right to left', 'a\u202eb\u2066c\u2069', 'abc'],
    ['line separators', 'a\u2028b\u2029c', 'a\nb\nc'],
    ['pairs stay, halves do not', '😀\ud83d x \ude00', '😀\ufffd x \ufffd'],
    ['what YAML refuses', 'a\ufeffb\uffffc\ufdd0', 'abc'],
    ['every language', 'Übergröße 内核 ядро نواة', 'Übergröße 内核 ядро نواة'],
  ])('%s', (_name, text, expected) => {
    expect(cleanText(text)).toBe(expected)
  })
  test('one line', () => {
    expect(cleanLine('a\r\nb\nc')).toBe('a b c')
  })
})

test('whatever comes, nothing is left that is not text, and cleaning again changes nothing', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const clean = cleanText(text)
      expect(clean).not.toMatch(notText)
      expect(clean.isWellFormed()).toBe(true)
      expect(cleanText(clean)).toBe(clean)
    }),
    { numRuns: 1000 },
  )
})

test('a text that comes in pieces is as clean as a whole one', () => {
  fc.assert(
    fc.property(fc.array(hostileText, { maxLength: 6 }), (pieces) => {
      let rest = ''
      let text = ''
      for (const piece of pieces) {
        const cleaned = cleanPiece(rest + piece, { more: true })
        rest = cleaned.rest
        text += cleaned.text
      }
      expect(text + cleanText(rest)).toBe(cleanText(pieces.join('')))
    }),
    { numRuns: 1000 },
  )
})

test('a cut ends with no half of a pair', () => {
  expect(cutText('a😀', 2)).toBe('a')
  expect(cutText('a😀', 3)).toBe('a😀')
  expect(cutText('abc', 5)).toBe('abc')
})

test('texts at any depth', () => {
  expect(withCleanText({ a: [`x${esc}[2J`, { b: 'y\u007f', c: 1, d: null }] })).toEqual({
    a: ['x', { b: 'y', c: 1, d: null }],
  })
})
