import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { linePieces, lines } from './lines.ts'

async function split(chunks: readonly Uint8Array[], maxLength?: number): Promise<string[]> {
  const found: string[] = []
  for await (const pieces of linePieces(Readable.from(chunks), maxLength)) {
    for (const { text, ends } of pieces) found.push(ends ? text : `${text}...`)
  }
  return found
}

test('a character may lie across chunks', async () => {
  const bytes = Buffer.from('aü\nb')
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
  expect(await split(single)).toEqual(['aü', 'b'])
  const whole: string[] = []
  for await (const line of lines(Readable.from(single))) whole.push(line)
  expect(whole).toEqual(['aü', 'b'])
})

test.each([
  ['', []],
  ['a', ['a']],
  ['a\n', ['a']],
  ['a\n\nb\n', ['a', '', 'b']],
  ['abcde\nfg', ['abc...', 'de', 'fg']],
  ['abcdefg', ['abc...', 'def...', 'g']],
  ['abc\n', ['abc']],
])('%j', async (text, expected) => {
  expect(await split([Buffer.from(text)], 3)).toEqual(expected)
})

test('a stream of line ends alone comes in lists of bounded length, whatever the size of its chunks', async () => {
  const lengths: number[] = []
  for await (const pieces of linePieces(Readable.from([Buffer.alloc(1024 * 1024, '\n')])))
    lengths.push(pieces.length)
  expect(lengths.reduce((sum, length) => sum + length)).toBe(1024 * 1024)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(1024)
})
