import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cleanLine } from './cleanText.ts'
import { markdownText, renderMarkdown, textOfMarkdown, summaryText, type Block } from './markdown.ts'
import { outsideFences } from './testing/outsideFences.ts'
import { hostileText, notText } from './testing/hostileText.ts'

/** What is left of a text when what is escaped is taken out; nothing in it may mean anything to Markdown. */
const bare = (markdown: string) => markdown.replaceAll(/\\[!-/:-@[-`{-~]/gu, '')

describe('a text in Markdown', () => {
  test.each([
    ['# heading', String.raw`\# heading`],
    ['- item', String.raw`\- item`],
    ['12. item', String.raw`12\. item`],
    ['=== ', String.raw`\===`],
    ['[a](b) ![c](d)', String.raw`\[a\](b) !\[c\](d)`],
    ['<b>&amp;', String.raw`\<b\>\&amp;`],
    ['a_b *c* `d` ~e~ |', String.raw`a\_b \*c\* \`d\` \~e\~ \|`],
    ['a\n\n    code', 'a      code'],
    ['it is not there: reg.example/a:1 (404).', 'it is not there: reg.example/a:1 (404).'],
  ])('%j', (text, expected) => {
    expect(markdownText(text)).toBe(expected)
  })
  test('whatever comes, it is one line of text', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const escaped = markdownText(text)
        expect(escaped).not.toMatch(notText)
        expect(escaped).not.toContain('\n')
        expect(bare(escaped)).not.toMatch(/[\\`*_[\]<>&#|~]|:\/\/|www\./iu)
        expect(escaped).not.toMatch(/^(?:[-+=>]|\d{1,9}[.)]|\s)/u)
      }),
      { numRuns: 1000 },
    )
  })
  test('it can be read back, for a terminal', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(textOfMarkdown(markdownText(text))).toBe(cleanLine(text).trim())
      }),
    )
  })
  test('a summary is one within what Temporal takes', () => {
    fc.assert(
      fc.property(fc.array(hostileText, { maxLength: 60 }), (texts) => {
        const summary = summaryText(texts.join(' '))
        expect(Buffer.byteLength(summary)).toBeLessThanOrEqual(400)
        expect(summary.isWellFormed()).toBe(true)
      }),
    )
  })
})

test('a page has the headings and the code that it was made of, whatever stands in it', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const blocks: Block[] = [
        { kind: 'heading', level: 3, text },
        {
          kind: 'list',
          items: [
            { label: text, text },
            { text, command: text },
          ],
        },
        { kind: 'code', language: 'sh', lines: [text, text] },
        { kind: 'heading', level: 4, text },
        { kind: 'text', label: text, text },
        { kind: 'code', language: '', lines: [text] },
        { kind: 'text', text },
      ]
      const page = renderMarkdown(blocks)
      expect(page).not.toMatch(notText)
      const lines = outsideFences(page)
      expect(lines.filter((line) => line.startsWith('#'))).toHaveLength(2)
      expect(lines.filter((line) => line.startsWith('- '))).toHaveLength(2)
      expect(lines.filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(6)
    }),
    { numRuns: 500 },
  )
})
