import { expect, test } from 'vitest'
import { KubeError } from '../activities/kube/errors.ts'
import { askApiServer } from './readiness.ts'

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
