import { expect, test } from 'vitest'
import { elapsed } from './elapsed.ts'
import { createStyle } from './style.ts'
import { forTerminal } from './terminalWriter.ts'
import { table } from './table.ts'
import { drawTree } from './tree.ts'

test.each([
  [0, '0s'],
  [119_000, '119s'],
  [185_000, '3m5s'],
  [15 * 60_000, '15m'],
  [125 * 60_000, '2h5m'],
  [30 * 3_600_000, '30h'],
  [100 * 3_600_000, '4d'],
])('%i ms are %s', (milliseconds, text) => {
  expect(elapsed(milliseconds)).toBe(text)
})

const terminal = { isTTY: true } as NodeJS.WriteStream
test('colours are for terminals, and not where NO_COLOR is set', () => {
  expect(forTerminal(createStyle({ stdout: terminal, env: {} }).bad('x'))).toBe('\u001B[31mx\u001B[39m')
  expect(createStyle({ stdout: terminal, env: { NO_COLOR: '1' } }).bad('x')).toBe('x')
  expect(createStyle({ stdout: terminal, env: { TERM: 'dumb' } }).bad('x')).toBe('x')
  expect(createStyle({ stdout: {} as NodeJS.WriteStream, env: {} }).bad('x')).toBe('x')
})

test('colours take no room in a table', () => {
  const red = createStyle({ stdout: terminal, env: {} }).bad('no')
  expect(
    table(
      ['A', 'B'],
      [
        [red, 'x'],
        ['longer', 'y'],
      ],
    ),
  ).toBe(`A        B\n${red}       x\nlonger   y`)
})

test('a tree, with lines of several rows', () => {
  const tree = { line: 'top', below: [{ line: 'a', below: [{ line: 'b\nc' }] }, { line: 'd' }] }
  expect(drawTree(tree)).toBe(['top', '├─ a', '│  └─ b', '│     c', '└─ d'].join('\n'))
})
