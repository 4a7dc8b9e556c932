import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LogTail } from '../logTail.ts'
import { masker } from './masker.ts'
import { SecretIndex } from './secretIndex.ts'

const encode = (text: string) => Buffer.from(text).toString('base64')

async function indexOf(...values: readonly string[]): Promise<SecretIndex> {
  const index = new SecretIndex()
  await index.add(Object.fromEntries(values.map((value, at) => [`key${at}`, encode(value)])))
  return index
}

/** A log of one line that comes in pieces of these lengths; the last length is that of all that are left. */
function read(index: SecretIndex, line: string, lengths: readonly number[]): string {
  const log = new LogTail(masker(index))
  let at = 0
  for (const length of lengths.slice(0, -1)) {
    log.add(line.slice(at, at + length), false)
    at += length
  }
  const last = lengths.at(-1) ?? line.length
  for (; at + last < line.length; at += last) log.add(line.slice(at, at + last), false)
  log.add(line.slice(at))
  return log.text().replaceAll('\n', '')
}

describe('a line that is cut after 16,384 characters shows no half of', () => {
  const cut = 16_384
  const long = `tok-${'9f8e7d6c5b4a3928'.repeat(6)}`
  test.each<[string, string, string]>([
    ['a short secret', 's3cr3t-1234', 's3cr3t-1234'],
    ['a long one', long, long],
    ['a secret in base64', long, encode(long)],
    ['the user information of a URL', 'unused-value', `https://robot:${long}@host/x`],
    ['a secret with colours in it', 's3cr3t-1234', 's3cr3t\u001b[31;1m-1234'],
  ])('%s', async (_name, secret, printed) => {
    const index = await indexOf(secret)
    const visible = printed.replace('\u001b[31;1m', '')
    for (let before = cut - printed.length - 2; before <= cut + 2; before++) {
      const shown = read(index, `${' '.repeat(before)}${printed} and more`, [cut])
      expect(shown.replaceAll(' ', '')).not.toMatch(/s3cr3t|1234|tok-|9f8e7d|d6c5b4/)
      for (let at = 0; at + 8 <= visible.length; at++) {
        const part = visible.slice(at, at + 8)
        if (!'https://'.includes(part.trim())) expect(shown).not.toContain(part)
      }
      expect(shown).toMatch(/and more$/)
    }
  })
})

test('how a line is cut makes no difference to what is masked', async () => {
  const values = ['s3cr3t', 'correct horse battery staple', 'x'.repeat(40), `${'ab'.repeat(40)}-end`]
  const index = await indexOf(...values)
  const part = fc.oneof(
    fc.constantFrom(...values, ...values.map(encode), 'https://me:pw@host/', ' ', 'battery', 'make[1]: '),
    fc.string({ maxLength: 30 }),
  )
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
      (parts, lengths) => {
        const line = parts.join('').replaceAll('\n', ' ')
        const whole = read(index, line, [line.length + 1])
        const pieces = read(index, line, lengths)
        // A piece of blanks alone is not kept.
        const bare = (text: string) => text.replaceAll(/\*+/g, '*').replaceAll(' ', '')
        expect(bare(pieces)).toBe(bare(whole))
        for (const value of values) expect(pieces).not.toContain(value)
      },
    ),
  )
})

test('what is masked is what a search for each value finds', async () => {
  const alphabet = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 4, maxLength: 70 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(alphabet, { minLength: 1, maxLength: 5 }),
      fc.array(alphabet),
      async (values, others) => {
        // Separated, so that no base64 is made of them.
        const line = [...values, ...others].join('|')
        const shown = masker(await indexOf(...values))(line)
        for (const value of values) expect(shown).not.toContain(value)
        const isPart = (text: string) => values.some((value) => text.includes(value.slice(0, 32)))
        for (const other of others) if (!isPart(other) && other.length < 32) expect(shown).toContain(other)
      },
    ),
  )
})
