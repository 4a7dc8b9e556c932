import { expect, test } from 'vitest'
import { notText } from '../api/text/testing/hostileText.ts'
import { createLog } from './log.ts'

test('a line of the log is JSON that says what was said, and nothing that a terminal acts on', () => {
  let line = ''
  const log = createLog({ write: (text) => void (line += text) })
  const node = 'a\u001b[2J\u007f\u0085\u202e\n'
  log.warn({ node }, `m${node}`)
  expect(line.trimEnd()).not.toMatch(notText)
  expect(JSON.parse(line)).toMatchObject({ node, msg: `m${node}` })
})
