import { expect, test } from 'vitest'
import { openScreen } from './screen.ts'
import { createStyle } from './style.ts'
import { SimulatedTerminal } from './testing/simulatedTerminal.ts'

const { bad: red } = createStyle({ stdout: { isTTY: true }, env: {} })

function open(columns: number, rows: number) {
  const terminal = new SimulatedTerminal(columns, rows)
  return { terminal, screen: openScreen(terminal) }
}

test('a text is drawn over the one before: nothing of that is left', () => {
  const { terminal, screen } = open(20, 5)
  screen.show('first line\nlonger than the next\nthird')
  expect(terminal.text).toBe('first line\nlonger than the next\nthird')
  screen.show('first\nshort')
  expect(terminal.text).toBe('first\nshort')
  expect(terminal).toMatchObject({ isOther: true, cursorIsShown: false })
})

test.each<[string, number, number, string, string]>([
  ['a line as wide as the terminal', 5, 2, '12345', '12345'],
  ['a line that is too wide', 5, 2, '123456', '1234…'],
  ['colours take no room', 5, 2, red('12345'), '12345'],
  ['a coloured line that is too wide', 5, 2, red('123456'), '1234…'],
  ['as many lines as there is room for', 9, 3, '1\n2\n3', '1\n2\n3'],
  ['more lines', 20, 3, '1\n2\n3\n4', '1\n2\n… 2 more lines'],
  ['a full screen', 3, 2, '123\n456', '123\n456'],
  ['tabs and control characters of others', 20, 2, 'a\tb\u0007\u001B[2J\u001B[31mc', 'a  bc'],
])('%s', (_what, columns, rows, text, shown) => {
  const { terminal, screen } = open(columns, rows)
  screen.show(text)
  screen.show(text)
  expect(terminal.text).toBe(shown)
})

test('it follows the size of the terminal', () => {
  const { terminal, screen } = open(20, 5)
  screen.show('a line of some width')
  terminal.columns = 10
  screen.show('a line of some width')
  expect(terminal.text).toBe('a line of…')
})

test('colours end with their line', () => {
  const written: string[] = []
  openScreen({ write: (text) => written.push(text), columns: 3, rows: 2 }).show(`${red('abcd')}\nx`)
  expect(written.at(-1)).toContain('\u001B[31mab\u001B[39m\u001B[m…\r\n')
})

test('closed, it leaves nothing, shows the cursor again, and draws no more', () => {
  const { terminal, screen } = open(20, 5)
  screen.show('text')
  screen.close()
  screen.show('late')
  screen.close()
  expect(terminal).toMatchObject({ isOther: false, cursorIsShown: true, text: '' })
})
