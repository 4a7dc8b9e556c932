import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { help } from '../commandsThatHelp.ts'
import { cleanLine } from './cleanText.ts'
import { shell, shellWord } from './shellWord.ts'
import { hostileText } from './testing/hostileText.ts'

const folder = mkdtempSync(join(tmpdir(), 'kmm-words-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
/** What is quoted badly runs: here it finds no programs, and files that it writes are gone afterwards. */
const nowhere = { cwd: folder, env: { PATH: '/nonexistent' } }

/** The words that a shell makes of command lines, one list for each. */
function wordsOf(lines: readonly string[]): string[][] {
  const script = lines.map((line) => `printf '%s\\0' ${line}; printf '\\1'`).join('\n')
  const printed = execFileSync('/bin/sh', ['-c', script], { ...nowhere, encoding: 'utf8' })
  return printed
    .split('\u0001')
    .slice(0, -1)
    .map((words) => words.split('\0').slice(0, -1))
}

test('a shell reads what was written, whatever it is', () => {
  const samples = fc.sample(hostileText, 1500)
  expect(wordsOf(samples.map(shellWord))).toEqual(samples.map((text) => [cleanLine(text)]))
})

test('a value is one word, or a part of one', () => {
  const samples = fc.sample(fc.tuple(hostileText, hostileText), 500)
  const lines = samples.map(([a, b]) => shell`first ${a} name=${b} last`)
  const expected = samples.map(([a, b]) => ['first', cleanLine(a), `name=${cleanLine(b)}`, 'last'])
  expect(wordsOf(lines)).toEqual(expected)
})

test('every command that helps has as many words as with plain names, whatever stands in it', () => {
  const commands = Object.entries(help) as [string, (...given: unknown[]) => string][]
  const with_ = (text: string) =>
    commands.map(([, make]) => {
      // Whichever of its parameters is a reference to a Module, its members are texts as well.
      const given = Object.assign(new String(text), { namespace: text, name: text })
      const texts = Array.from({ length: make.length }, (_, at) => (at === 0 ? given : text))
      return make(...texts)
    })
  const plain = wordsOf(with_('x')).map(({ length }) => length)
  for (const text of fc.sample(hostileText, 40)) {
    expect(wordsOf(with_(text)).map(({ length }) => length)).toEqual(plain)
  }
})

test('what needs no quotes has none', () => {
  expect(shell`a ${'6.8.0-60-generic'} ${'b=c'} ${"it's"} ${''}`).toBe(`a 6.8.0-60-generic b=c 'it'\\''s' ''`)
})
