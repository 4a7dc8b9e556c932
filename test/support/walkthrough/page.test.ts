import { expect, test } from 'vitest'
import { blocksOf, shownPattern } from './page.ts'

test('blocks in order, each with what is shown under it', () => {
  const page = [
    '# Title',
    '## 1. First',
    '```sh',
    'ls',
    'pwd',
    '```',
    'words',
    '```sh',
    'why',
    '```',
    '',
    '```text',
    '...',
    'no',
    '```',
    '## 2. Second',
    '```sh',
    'rm x',
    '```',
  ].join('\n')
  expect(blocksOf(page)).toEqual([
    { typed: 'ls\npwd\n' },
    { typed: 'why\n', shown: '...\nno\n' },
    { typed: 'rm x\n' },
  ])
})

const table = 'NAME      READY   AGE\nfpga[1]   True    3s\n'

test.each<[string, string, string, boolean]>([
  ['word by word', table, table, true],
  ['with narrower gaps', 'NAME READY AGE\nfpga[1] True 3s\n', table, true],
  ['without a gap', 'NAME READYAGE\nfpga[1] True 3s\n', table, false],
  ['with `...` in a line', 'NAME READY ...\nfpga[1] True ...\n', table, true],
  ['with `...` in a line, which is no other line', 'NAME ... 3s\n', table, false],
  ['with `...` for lines', '...\nfpga[1] True 3s\n', table, true],
  ['with `...` for no line', '...\nNAME READY AGE\n...\nfpga[1] True 3s\n...\n', table, true],
  ['with another value', 'NAME READY AGE\nfpga[1] False 3s\n', table, false],
  ['with a line too few', 'NAME READY AGE\n', table, false],
  ['with a line too many', `${table}more\n`, table, false],
  ['in another order', 'fpga[1] True 3s\nNAME READY AGE\n', table, false],
  ['indented', '  a: b\n', '      a: b\n', true],
  ['not indented', '  a: b\n', 'a: b\n', false],
])('shown %s', (_how, shown, output, fits) => {
  expect(shownPattern(shown).test(output)).toBe(fits)
})
