import { cleanLine, cleanText } from './cleanText.ts'

/** A piece of a page. All texts in it are taken as they are: nothing in them is Markdown. */
export type Block =
  | { readonly kind: 'heading'; readonly level: 3 | 4; readonly text: string }
  | { readonly kind: 'text'; readonly label?: string; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Item[] }
  /** Lines of a program or a log, as they are. */
  | { readonly kind: 'code'; readonly language: 'sh' | ''; readonly lines: readonly string[] }

export interface Item {
  readonly label?: string
  readonly text: string
  readonly command?: string
}

/** The one way by which text comes into Markdown: every text is escaped here, and code stands in a fence it cannot end. */
export function renderMarkdown(blocks: readonly Block[]): string {
  return blocks
    .map((block, at) => (at === blocks.length - 1 ? rendered(block) : rendered(block) + gapAfter(block)))
    .join('')
}

/** What belongs to a small heading stands right below it. */
function gapAfter(block: Block): string {
  return block.kind === 'heading' && block.level === 4 ? '\n' : '\n\n'
}

function rendered(block: Block): string {
  switch (block.kind) {
    case 'heading':
      return `${'#'.repeat(block.level)} ${markdownText(block.text)}`
    case 'text':
      return labelled(block.label, block.text)
    case 'list':
      return block.items.map(renderedItem).join('\n')
    case 'code': {
      const code = block.lines.map(cleanText).join('\n')
      const fence = '`'.repeat(Math.max(2, longestTicks(code)) + 1)
      return [`${fence}${block.language}`, code, fence].join('\n')
    }
  }
}

function renderedItem({ label, text, command }: Item): string {
  const code = command === undefined ? '' : `: ${inlineCode(command)}`
  return `- ${labelled(label, text)}${code}`
}

function labelled(label: string | undefined, text: string): string {
  return label === undefined ? markdownText(text) : `**${markdownText(label)}**: ${markdownText(text)}`
}

function inlineCode(text: string): string {
  const code = cleanLine(text)
  const ticks = '`'.repeat(longestTicks(code) + 1)
  const space = code.startsWith('`') || code.endsWith('`') ? ' ' : ''
  return `${ticks}${space}${code}${space}${ticks}`
}

/** Backticks in a row, at most. */
function longestTicks(text: string): number {
  let longest = 0
  let row = 0
  for (const character of text) {
    row = character === '`' ? row + 1 : 0
    longest = Math.max(longest, row)
  }
  return longest
}

/**
 * A text on one line that Markdown shows as it is: no heading, list, link, image, HTML, entity, code, table or emphasis
 * comes of it, wherever in a line it stands. An address in it stays readable; its scheme is parted from it for
 * renderers that make links of bare addresses.
 */
export function markdownText(text: string): string {
  return cleanLine(text)
    .trim()
    .replaceAll(/[\\`*_[\]<>&#|~$]/gu, String.raw`\$&`)
    .replaceAll('://', String.raw`:\//`)
    .replaceAll(/www\./giu, String.raw`www\.`)
    .replace(/^[-+=]/u, String.raw`\$&`)
    .replace(/^\d{1,9}(?=[.)])/u, '$&\\')
}

/** The text that `markdownText` has escaped. */
export function textOfMarkdown(markdown: string): string {
  return markdown.replaceAll(/\\([!-/:-@[-`{-~])/gu, '$1')
}

/** Temporal takes 400 bytes of a summary. */
const longestSummary = 400

/** A summary of an activity or a timer as Temporal's UI takes it: one line of Markdown, within its limit. */
export function summaryText(text: string): string {
  let kept = ''
  let bytes = 0
  for (const character of markdownText(text)) {
    bytes += bytesOf(character.codePointAt(0) ?? 0)
    if (bytes > longestSummary - 3) return `${kept}…`
    kept += character
  }
  return kept
}

/** In UTF-8. */
function bytesOf(code: number): number {
  if (code < 0x80) return 1
  if (code < 0x800) return 2
  return code < 0x10000 ? 3 : 4
}
