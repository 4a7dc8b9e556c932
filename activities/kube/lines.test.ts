import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { lines } from './lines.ts'

async function split(chunks: readonly Uint8Array[], maxLength?: number): Promise<string[]> {
  const found: string[] = []
  for await (const line of lines(Readable.from(chunks), maxLength)) found.push(line)
  return found
}

test('a character may lie across chunks', async () => {
  const bytes = Buffer.from('aü\nb')
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte))
  expect(await split(single)).toEqual(['aü', 'b'])
})

test.each([
  ['', []],
  ['a', ['a']],
  ['a\n', ['a']],
  ['a\n\nb\n', ['a', '', 'b']],
  ['abcde\nfg', ['abc', 'de', 'fg']],
])('%j', async (text, expected) => {
  expect(await split([Buffer.from(text)], 3)).toEqual(expected)
})
