import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withCleanText } from '../../api/text/cleanText.ts'
import { hostileText, notText } from '../../api/text/testing/hostileText.ts'
import { outsideFences } from '../../api/text/testing/outsideFences.ts'
import { describeModuleDetails } from '../module/details.ts'
import { decideKernel } from './decide.ts'
import { describeEntry, sameEntry } from './describe.ts'
import { describeDetails } from './details.ts'
import {
  fresh,
  testBuildFailure,
  testFailure,
  testNodes,
  testPod,
  testRetry,
  testRun,
  testView,
} from './testView.ts'

/** What lines outside of code mean to Markdown: headings, items, labels. */
const shape = (page: string) =>
  outsideFences(page).flatMap((line) => /^(?:#+ |- (?:\*\*)?|\*\*)/u.exec(line)?.[0] ?? [])

const changeable = (value: string) =>
  !['alive', 'wanted', 'ready', 'failed', 'active', 'Load'].includes(value)

/** The same value with another text in every place but those that decide what is done. */
function withText(value: unknown, text: string, key = ''): unknown {
  if (typeof value === 'string') return changeable(value) && !isFixed(key) ? `${value}${text}` : value
  if (Array.isArray(value)) return value.map((item) => withText(item, text, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, withText(member, text, name)]),
  )
}
const isFixed = (key: string) =>
  ['image', 'inputHash', 'podUid', 'uid', 'kind', 'at', 'retryAt', 'now'].includes(key)

const view = testView({
  pods: [testPod({ state: 'failed' })],
  nodes: testNodes({ work: [testRetry], failures: [testRetry, testFailure('KeyRejected', 'n2')] }),
})
const memory = { ...fresh, failure: testBuildFailure }

function page(text: string): string {
  const change = <T>(value: T) => withText(value, text) as T
  const hostile = change(view)
  const knowledge = change(memory)
  const plan = decideKernel(hostile, knowledge)
  const run = change(testRun)
  return describeDetails(run, hostile, describeEntry(run, hostile, knowledge, plan), plan)
}

test('whatever stands in whatever field, the page of a run keeps its shape', () => {
  const plain = shape(page('x'))
  expect(plain.length).toBeGreaterThan(8)
  fc.assert(
    fc.property(hostileText, (text) => {
      const made = page(`x${text}`)
      expect(made).not.toMatch(notText)
      expect(shape(made)).toEqual(plain)
    }),
  )
})

test('and so does the page of a Module', () => {
  const made = (text: string) =>
    describeModuleDetails({ namespace: `a${text}`, name: `b${text}` }, {
      summary: `c${text}`,
      remains: [`d${text}`, `e${text}`],
    } as never)
  fc.assert(
    fc.property(hostileText, (text) => {
      expect(made(text)).not.toMatch(notText)
      expect(shape(made(text))).toEqual(shape(made('x')))
    }),
  )
})

test('an entry of a run is what status stores, so it is not written again for what no status takes', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const hostile = withText(view, text) as typeof view
      const knowledge = withText(memory, text) as typeof memory
      const entry = describeEntry(testRun, hostile, knowledge, decideKernel(hostile, knowledge))
      expect(sameEntry(entry, withCleanText(entry))).toBe(true)
    }),
  )
})
