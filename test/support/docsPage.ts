import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(import.meta.dirname, '../../docs')

/** A fenced block of a page: the word after its fence, and its text. */
export interface DocsBlock {
  readonly language: string
  readonly text: string
}

/** All blocks of a page, also those of list items. */
export function blocksOf(file: string): DocsBlock[] {
  return blocksIn(read(file))
}

/** The blocks between a heading of level two and the next. Throws when there is no such heading. */
export function blocksBelow(file: string, heading: string): DocsBlock[] {
  const page = read(file)
  const from = page.indexOf(`## ${heading}\n`)
  if (from === -1) throw new Error(`docs/${file} has no heading "${heading}"`)
  const end = page.indexOf('\n## ', from)
  return blocksIn(page.slice(from, end === -1 ? undefined : end))
}

const read = (file: string) => readFileSync(join(docs, file), 'utf8')

function blocksIn(text: string): DocsBlock[] {
  return [...text.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gmsu)].map(
    ([, indent = '', language = '', block = '']) => ({
      language,
      text: block.replaceAll(new RegExp(`^${indent}`, 'gmu'), ''),
    }),
  )
}

/** The commands below a heading that a reader runs as they are. */
export function commandsBelow(file: string, heading: string): string[] {
  return blocksBelow(file, heading)
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => text)
}
