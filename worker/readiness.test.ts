import { describe, expect, test } from 'vitest'
import { KubeError } from '../activities/kube/errors.ts'
import { askApiServer, shared } from './readiness.ts'

const answering = (code: number | undefined, reason: string) => ({
  text: async () => {
    throw new KubeError({ code, reason, message: reason })
  },
})

test('an API server that is ready', async () => {
  expect(await askApiServer({ text: async () => 'ok' })).toBeUndefined()
})

test('one that does not tell us is there all the same', async () => {
  expect(await askApiServer(answering(403, 'Forbidden'))).toBeUndefined()
})

test.each([
  ['is not ready', 500, 'InternalError'],
  ['does not know us', 401, 'Unauthorized'],
  ['does not answer', undefined, 'Unreachable'],
])('one that %s', async (_name, code, reason) => {
  await expect(askApiServer(answering(code, reason))).rejects.toThrow(reason)
})

describe('a check that everybody may ask for', () => {
  /** Counts how often it is done, at a time that the test sets. */
  const counted = (answer: () => Promise<string | undefined>) => {
    const seen = { times: 0, now: 0 }
    const check = shared(
      () => {
        seen.times++
        return answer()
      },
      () => seen.now,
    )
    return { seen, check }
  }

  test('is done once for all who ask at the same time, and for those who ask soon after', async () => {
    const { seen, check } = counted(async () => 'no')
    const answers = Array.from({ length: 1000 }, async () => await check())
    expect(new Set(await Promise.all(answers))).toEqual(new Set(['no']))
    seen.now = 4_999
    expect(await check()).toBe('no')
    expect(seen.times).toBe(1)
    seen.now = 5_000
    await check()
    expect(seen.times).toBe(2)
  })

  test('a failure is kept no longer', async () => {
    const { seen, check } = counted(async () => {
      throw new Error('refused')
    })
    await expect(check()).rejects.toThrow('refused')
    await expect(check()).rejects.toThrow('refused')
    seen.now = 5_000
    await expect(check()).rejects.toThrow('refused')
    expect(seen.times).toBe(2)
  })

  test('one that never answers is begun anew some time', () => {
    const { seen, check } = counted(() => new Promise(() => undefined))
    for (seen.now = 0; seen.now <= 30_000; seen.now += 1_000) void check()
    expect(seen.times).toBe(2)
  })
})
