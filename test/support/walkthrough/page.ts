/** Something that a reader types into a terminal, and what the page shows under it. */
export interface Block {
  readonly typed: string
  /** `...` stands for anything, alone on a line for any lines. */
  readonly shown?: string
}

/** The shell blocks (```sh) of a page in order, each with the output (```text) that comes after it. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  for (const [, language, text = ''] of page.matchAll(/^```(sh|text)\n(.*?)^```$/gmsu)) {
    if (language === 'sh') blocks.push({ typed: text })
    else blocks.push({ ...(blocks.pop() ?? { typed: '' }), shown: text })
  }
  return blocks
}

/** Matches all of an output that is as the page shows it. How wide the gaps are does not matter. */
export function shownPattern(shown: string): RegExp {
  const lines = shown
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '...' ? '(?:.*\\n)*?' : `${linePattern(line)} *\\n`))
  return new RegExp(`^${lines.join('')}$`, 'u')
}

function linePattern(line: string): string {
  const parts = line.trimEnd().split(/(\.\.\.| +)/u)
  return parts.map((part) => (part === '...' ? '.*' : part.startsWith(' ') ? ' +' : escaped(part))).join('')
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, '\\$&')
}
