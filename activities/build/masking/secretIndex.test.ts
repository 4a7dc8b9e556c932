import { describe, expect, test } from 'vitest'
import { SecretPieces } from './base64.ts'
import { mostIndexBytes, SecretIndex } from './secretIndex.ts'

const mib = 1024 * 1024
const encode = (text: string) => Buffer.from(text).toString('base64')

/** A text without repetition, cut into lines of this length. */
function textOf(length: number, lineLength: number): string {
  let text = ''
  for (let i = 0; text.length < length; i++) text += (i * 2_654_435_761).toString(36)
  return text.slice(0, length).replaceAll(new RegExp(`(.{${lineLength - 1}}).`, 'g'), '$1\n')
}

async function indexOf(...texts: readonly string[]): Promise<SecretIndex> {
  const index = new SecretIndex()
  for (const text of texts) await index.add({ key: encode(text) })
  return index
}

describe('memory', () => {
  test.each([5, 20, 64, mib])('of 1 MiB in lines of %i characters is bounded', async (length) => {
    const index = await indexOf(textOf(mib, length))
    expect(index.isExceeded).toBe(false)
    expect(index.bytes).toBeLessThanOrEqual(mostIndexBytes)
  })

  test('of twice as much is at most twice as much', async () => {
    const [half, whole] = [await indexOf(textOf(mib / 2, 64)), await indexOf(textOf(mib, 64))]
    expect(whole.bytes).toBeLessThanOrEqual(2 * half.bytes)
  })

  test('the same values again take none', async () => {
    const text = textOf(mib / 4, 64)
    expect((await indexOf(text, text, text)).bytes).toBe((await indexOf(text)).bytes)
  })

  test('what is too large is not even decoded', async () => {
    const index = await indexOf(textOf(3 * mib, 64))
    expect(index.isExceeded).toBe(true)
    expect(index.bytes).toBeLessThan(1024)
  })
})

test('others have their turn after at most 16 KiB of a value', () => {
  const steps = [...new SecretPieces().add(Buffer.alloc(mib, 'abc'))].length
  expect(steps).toBe(64)
})

test('a binary value is known by its bytes', async () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => 128 + ((i * 37) % 128))
  const index = new SecretIndex()
  await index.add({ key: Buffer.from(bytes).toString('base64') })
  const line = Buffer.concat([Buffer.from('ab'), bytes]).toString('base64')
  expect(index.pieces.isIn(line, 0, line.length)).toBe(true)
})
