import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const docs = join(import.meta.dirname, '../../docs')

/** A fenced block of a page: the word after its fence, and its text. */
export interface DocsBlock {
  readonly language: string
  readonly text: string
}

/** The blocks between a heading of level two and the next, also those of list items. Throws when there is no such heading. */
export function blocksBelow(file: string, heading: string): DocsBlock[] {
  const page = readFileSync(join(docs, file), 'utf8')
  const from = page.indexOf(`## ${heading}\n`)
  if (from === -1) throw new Error(`docs/${file} has no heading "${heading}"`)
  const end = page.indexOf('\n## ', from)
  const section = page.slice(from, end === -1 ? undefined : end)
  return [...section.matchAll(/^( *)```(\w*)\n(.*?)^\1```$/gmsu)].map(
    ([, indent = '', language = '', text = '']) => ({
      language,
      text: text.replaceAll(new RegExp(`^${indent}`, 'gmu'), ''),
    }),
  )
}

/** The commands below a heading that a reader runs as they are. */
export function commandsBelow(file: string, heading: string): string[] {
  return blocksBelow(file, heading)
    .filter(({ language }) => language === 'sh')
    .map(({ text }) => text)
}
