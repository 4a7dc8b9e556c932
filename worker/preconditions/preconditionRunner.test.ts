import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CheckResult, Fault, Precondition } from './precondition.ts'
import { PreconditionRunner } from './preconditionRunner.ts'

const fault = (message: string): Fault => ({ reason: 'R', message, fix: 'fix it' })
const unmet = (message: string): CheckResult => ({ kind: 'unmet', ...fault(message) })
const met: CheckResult = { kind: 'met' }

let ending: AbortController
let reported: string[]
let logged: string[]
/** Every pause the runner makes; resolving one lets it go on. */
let pauses: { readonly ms: number; resolve(): void }[]

beforeEach(() => {
  ending = new AbortController()
  reported = []
  logged = []
  pauses = []
})
afterEach(() => ending.abort(new Error('the test is over')))

function runnerOf(...preconditions: Precondition[]) {
  const write = (_: object, message: string) => void logged.push(message)
  return new PreconditionRunner({
    preconditions,
    log: { info: write, warn: write },
    signal: ending.signal,
    report: ({ message }) => void reported.push(message),
    wait: (ms, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
        pauses.push({ ms, resolve })
      }),
  })
}

/** Lets the pause that is under way, or comes next, end. */
async function goOn(): Promise<void> {
  await expect.poll(() => pauses.length).toBe(1)
  pauses.shift()?.resolve()
}

/** A precondition that answers these, the last one for ever. */
function answers(name: string, ...results: (CheckResult | Error)[]): Precondition {
  return {
    name,
    async check() {
      const result = results.length > 1 ? results.shift() : results[0]
      if (result instanceof Error) throw result
      return result ?? met
    },
  }
}

test('work begins when all are met; each fault is reported once, in order', async () => {
  const first = answers('first', unmet('a'), unmet('a'), met)
  const second = answers('second', unmet('b'), met)
  const runner = runnerOf(first, second)
  expect(runner.readiness()).toBe('not checked yet')
  let ready: string | undefined = 'not begun'
  const running = runner.run(async () => void (ready = runner.readiness()))
  await expect.poll(() => runner.readiness()).toBe('first: a; fix it')
  await goOn()
  await goOn()
  await expect.poll(() => runner.readiness()).toBe('second: b; fix it')
  expect(ready).toBe('not begun')
  await goOn()
  await running
  expect(ready).toBeUndefined()
  expect(reported).toEqual(['a', 'b'])
  expect(logged).toEqual(['a', 'b', 'the precondition is met'])
})

test('a check that fails is a fault that says why', async () => {
  const runner = runnerOf(answers('first', new Error('refused'), met))
  const running = runner.run(async () => undefined)
  await expect.poll(() => runner.readiness()).toContain('first: the API server does not answer: refused')
  await goOn()
  await running
})

test('the end of the process ends the wait', async () => {
  const runner = runnerOf(answers('first', unmet('a')))
  const running = runner.run(async () => expect.unreachable())
  await expect.poll(() => pauses.length).toBe(1)
  ending.abort()
  await running
})

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
}

test('what ceases to be met ends the work, which begins again when it is met', async () => {
  const lasting = answers('lasting', met, unmet('gone'), met)
  const rechecks: (CheckResult | Error)[] = [met, new Error('away'), unmet('gone'), met]
  const recheck = async () => {
    const next = rechecks.shift()
    if (next instanceof Error) throw next
    return next ?? met
  }
  const runner = runnerOf({ ...lasting, recheck })
  let begun = 0
  const running = runner.run(async ({ signal }) => {
    begun += 1
    if (begun === 1) await untilAborted(signal)
  })
  for (let count = 0; count < 3; count += 1) await goOn()
  await expect.poll(() => runner.readiness()).toBe('lasting: gone; fix it')
  expect(reported).toEqual(['gone'])
  await goOn()
  await running
  expect(begun).toBe(2)
})

test('the work itself can end its term', async () => {
  const precondition = answers('lasting', met, unmet('theirs'), met)
  const runner = runnerOf(precondition)
  let begun = 0
  const running = runner.run(async (term) => {
    begun += 1
    if (begun === 1) term.end(precondition, fault('theirs'))
  })
  await expect.poll(() => runner.readiness()).toBe('lasting: theirs; fix it')
  await goOn()
  await running
  expect([begun, reported]).toEqual([2, ['theirs']])
})

test('an error of the work, and the end of the process, are passed on', async () => {
  const failing = runnerOf(answers('first', met)).run(async () => await Promise.reject(new Error('broken')))
  await expect(failing).rejects.toThrow('broken')
  const running = runnerOf(answers('first', met)).run(async ({ signal }) => {
    setImmediate(() => ending.abort(new Error('stopped')))
    await untilAborted(signal)
  })
  await expect(running).rejects.toThrow('stopped')
})

test('warnings are reported once, and stay known while the work runs', async () => {
  const warned: CheckResult = { kind: 'met', warnings: [fault('less')] }
  const recheck = async (): Promise<CheckResult> => warned
  const runner = runnerOf(answers('rights', warned), { ...answers('lasting', met), recheck })
  const running = runner.run(async ({ signal }) => await untilAborted(signal))
  await goOn()
  await goOn()
  await expect.poll(() => pauses.length).toBe(1)
  expect(runner.warnings()).toEqual(['less; fix it', 'less; fix it'])
  expect(reported).toEqual(['less', 'less'])
  ending.abort(new Error('stopped'))
  await expect(running).rejects.toThrow('stopped')
})
