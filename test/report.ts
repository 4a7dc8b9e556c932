import { relative } from 'node:path'
import { z } from 'zod'

/** How many tests ended in which way. */
export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What a step of the test run came to; `failures` has what is told again at the end. */
export interface Outcome {
  readonly counts: Counts
  readonly failures: readonly string[]
}

const assertion = z.object({
  fullName: z.string(),
  status: z.string(),
  failureMessages: z.array(z.string()).nullish(),
})

const report = z.object({
  numPassedTests: z.number(),
  numFailedTests: z.number(),
  numPendingTests: z.number(),
  numTodoTests: z.number().default(0),
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      message: z.string().default(''),
      assertionResults: z.array(assertion),
    }),
  ),
})

/**
 * What the report that vitest wrote for one tier says. A set-up or a file that broke fails the tier although no test of
 * it counts. With `requireAll` a skipped test counts as failed.
 */
export function readReport(
  text: string,
  tier: string,
  exitCode: number,
  requireAll: boolean,
  root: string = process.cwd(),
): Outcome {
  const result = report.safeParse(text === '' ? undefined : JSON.parse(text))
  if (!result.success) return failedStep(`${tier}: ended with exit code ${exitCode} and without a report`)
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = result.data
  const skipped = numPendingTests + numTodoTests
  const refused = requireAll ? skipped : 0
  const broken = exitCode !== 0 && numFailedTests === 0 ? 1 : 0
  const failures = testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = `${tier}: ${relative(root, name)}`
    const failed = assertionResults.filter((test) => test.status === 'failed')
    const tests = failed.map(
      (test) => `${file}: ${test.fullName}\n${indented((test.failureMessages ?? []).join('\n'))}`,
    )
    return tests.length === 0 && status === 'failed' ? [`${file}\n${indented(message)}`] : tests
  })
  if (refused > 0) failures.push(`${tier}: ${refused} skipped, and all are required`)
  if (broken > 0 && failures.length === 0)
    failures.push(`${tier}: no test failed, but the exit code is ${exitCode}`)
  return {
    counts: { passed: numPassedTests, failed: numFailedTests + broken + refused, skipped: skipped - refused },
    failures,
  }
}

/** A step that has no tests to count and failed. */
export function failedStep(why: string): Outcome {
  return { counts: { passed: 0, failed: 1, skipped: 0 }, failures: [why] }
}

/** What the parts of one step came to together. */
export function merged(all: readonly Outcome[]): Outcome {
  return {
    counts: summed(all.map(({ counts }) => counts)),
    failures: all.flatMap(({ failures }) => failures),
  }
}

function summed(all: readonly Counts[]): Counts {
  const sum = (field: keyof Counts) => all.reduce((total, count) => total + count[field], 0)
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') }
}

/** The sum of all, as the last line of a run has it. */
export function toldCounts(all: readonly Counts[]): string {
  const { passed, failed, skipped } = summed(all)
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

/** The first lines of a message: a stack or a diff is whole where the test failed. */
function indented(message: string): string {
  const lines = message.split('\n').slice(0, 12)
  return lines.map((line) => `    ${line}`).join('\n')
}
