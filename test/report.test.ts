import { expect, test } from 'vitest'
import { failedStep, merged, readReport, toldCounts } from './report.ts'

const of = (over: object) =>
  JSON.stringify({
    numPassedTests: 2,
    numFailedTests: 0,
    numPendingTests: 0,
    testResults: [{ name: '/p/api/a.test.ts', status: 'passed', assertionResults: [] }],
    ...over,
  })
const read = (text: string, exitCode = 0, requireAll = false) =>
  readReport(text, 'unit', exitCode, requireAll, '/p')

test('a tier that passed has nothing to tell again', () => {
  expect(read(of({}))).toEqual({ counts: { passed: 2, failed: 0, skipped: 0 }, failures: [] })
})

test('a failed test is told with its file and the first lines of its message', () => {
  const failing = {
    fullName: 'adds',
    status: 'failed',
    failureMessages: ['expected 1 to be 2\n  at a.test.ts:3'],
  }
  const { counts, failures } = read(
    of({
      numFailedTests: 1,
      testResults: [
        {
          name: '/p/api/a.test.ts',
          status: 'failed',
          assertionResults: [failing, { fullName: 'x', status: 'passed' }],
        },
      ],
    }),
    1,
  )
  expect(counts).toEqual({ passed: 2, failed: 1, skipped: 0 })
  expect(failures).toEqual(['unit: api/a.test.ts: adds\n    expected 1 to be 2\n      at a.test.ts:3'])
})

test('a file that broke before its tests fails the tier', () => {
  const broken = [
    { name: '/p/api/a.test.ts', status: 'failed', message: 'no such module', assertionResults: [] },
  ]
  const { counts, failures } = read(of({ testResults: broken }), 1)
  expect(counts.failed).toBe(1)
  expect(failures).toEqual(['unit: api/a.test.ts\n    no such module'])
})

test.for([
  ['a set-up that broke', of({}), 1, 'unit: no test failed, but the exit code is 1'],
  ['no report', '', 137, 'unit: ended with exit code 137 and without a report'],
] as const)('%s fails the tier', ([, text, exitCode, why]) => {
  const { counts, failures } = read(text, exitCode)
  expect(counts.failed).toBe(1)
  expect(failures).toEqual([why])
})

test('skipped tests count as failed where all are required', () => {
  const text = of({ numPendingTests: 3 })
  expect(read(text).counts).toEqual({ passed: 2, failed: 0, skipped: 3 })
  expect(read(text, 0, true)).toEqual({
    counts: { passed: 2, failed: 3, skipped: 0 },
    failures: ['unit: 3 skipped, and all are required'],
  })
})

test('the last line sums all steps', () => {
  expect(toldCounts([read(of({})).counts, failedStep('lint').counts])).toBe('2 passed, 1 failed, 0 skipped')
})

test('what the parts of a step came to is one outcome', () => {
  expect(merged([read(of({})), failedStep('a'), failedStep('b')])).toEqual({
    counts: { passed: 2, failed: 2, skipped: 0 },
    failures: ['a', 'b'],
  })
})
