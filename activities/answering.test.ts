import { ApplicationFailure } from '@temporalio/common'
import { expect, test } from 'vitest'
import { answering } from './answering.ts'
import { KubeError } from './kube/errors.ts'

const activities = answering({
  double: async (n: number) => n * 2,
  refuse: async (message: string) => {
    throw new KubeError({ message, code: 403, reason: 'Forbidden' })
  },
  fail: async (error: Error) => {
    throw error
  },
})

test('answers pass', async () => {
  expect(await activities.double(21)).toBe(42)
})

test('what the Kubernetes client throws gets its class', async () => {
  const error: unknown = await activities.refuse('no').catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ApplicationFailure)
  expect(error).toMatchObject({ type: 'KubeRejected', nonRetryable: true, message: 'no' })
})

test('any other error passes as it is', async () => {
  const error = new Error('mine')
  await expect(activities.fail(error)).rejects.toBe(error)
})

test('what no run can go on without is asked again, whoever refuses it', async () => {
  const forbidden = new KubeError({ message: 'no', code: 403, reason: 'Forbidden' })
  const fail = async (thrown: Error) => {
    throw thrown
  }
  const steady = answering({ fail }, 'areAskedAgain')
  const error: unknown = await steady.fail(forbidden).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ type: 'KubeRejected', nonRetryable: false, message: 'no' })
  const other = new Error('mine')
  await expect(steady.fail(other)).rejects.toBe(other)
})

test('a failure is text that Temporal takes, with its causes', async () => {
  const cause = new Error('half a pair \ud83d and a DEL \u007f')
  const error = new Error(`\u001b[2J${'x'.repeat(20_000)}`, { cause })
  const failure: unknown = await activities.fail(error).catch((thrown: unknown) => thrown)
  expect(failure).toBe(error)
  expect(error.message).toBe('x'.repeat(16_384))
  expect(cause.message).toBe('half a pair \ufffd and a DEL ')
  for (const text of [error.stack, cause.stack]) expect(text?.isWellFormed()).toBe(true)
})
