import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cleanText } from '../../api/text/cleanText.ts'
import { hostileText, notText } from '../../api/text/testing/hostileText.ts'
import { createStyle } from './style.ts'
import { TerminalWriter } from './terminalWriter.ts'

function written(...pieces: readonly (string | Uint8Array)[]): string {
  let all = ''
  const writer = new TerminalWriter({ write: (text) => (all += text) })
  for (const piece of pieces) writer.write(piece)
  writer.end()
  return all
}

test('colours of ours pass, and nobody else’s', () => {
  const { bad, strong } = createStyle({ stdout: { isTTY: true }, env: {} })
  expect(written(bad(`a ${strong('b')} \u001b[32mc\u001b[31;1234;1234;1234;1234md`))).toBe(
    '\u001b[31ma \u001b[1mb\u001b[22m cd\u001b[39m',
  )
})

test('bytes that are cut anywhere are written as they are when they come at once', () => {
  fc.assert(
    fc.property(hostileText, fc.infiniteStream(fc.integer({ min: 1, max: 7 })), (text, sizes) => {
      const bytes = Buffer.from(text)
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += pieces.at(-1)?.length ?? 0) {
        pieces.push(bytes.subarray(at, at + (sizes.next().value ?? 1)))
      }
      const result = written(...pieces)
      expect(result).not.toMatch(notText)
      expect(result).toBe(cleanText(bytes.toString()))
    }),
    { numRuns: 500 },
  )
})
