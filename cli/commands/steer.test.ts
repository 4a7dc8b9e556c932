import { describe, expect, test } from 'vitest'
import type { KernelStatus } from '../../api/module.ts'
import { annotations } from '../../api/names.ts'
import { guardedModule } from '../../api/testCluster.ts'
import type { Call } from '../call.ts'
import { ApiError } from '../kube/errors.ts'
import { retry } from './steer.ts'

type Flags = Readonly<Record<string, string | true>>
const held = (kernel: string): KernelStatus => ({ kernel, phase: 'BuildFailed', image: `x:${kernel}` })

/** A call to an API server (a fake) with one Module; `conflicts`: so often somebody else writes first. */
function calling(
  flags: Flags,
  { standing = {}, conflicts = 0, kernels = [held('a'), held('b')] } = {} as {
    readonly standing?: Readonly<Record<string, string>>
    readonly conflicts?: number
    readonly kernels?: readonly KernelStatus[]
  },
) {
  const { metadata, ...module } = guardedModule({}, { status: { kernels: [...kernels] } })
  let version = 1
  const patched: object[] = []
  const call = {
    arguments: ['fpga'],
    namespace: 'drivers',
    flag: (name: string) => (typeof flags[name] === 'string' ? flags[name] : undefined),
    isSet: (name: string) => flags[name] === true,
    print: () => undefined,
    cluster: {
      get: async () => {
        const read = { ...metadata, resourceVersion: String(version), annotations: standing }
        return { apiVersion: 'kmm.sigs.x-k8s.io/v1beta1', kind: 'Module', ...module, metadata: read }
      },
      patch: async (_kind: object, _ref: object, body: { metadata: object }) => {
        if (version++ <= conflicts) throw new ApiError('the object has been modified', 409)
        patched.push(body.metadata)
      },
    },
  }
  return { call: call as unknown as Call, patched }
}

describe.each<[string, string, Flags]>([
  ['retry', annotations.retryBuild, {}],
  ['retry --rebuild', annotations.rebuild, { rebuild: true }],
])('%s', (_name, annotation, way) => {
  test.each<[string, Flags, string | undefined, string]>([
    ['nothing stands', { kernel: 'a' }, undefined, 'a'],
    ['the same stands', { kernel: 'a' }, 'a', 'a'],
    ['a kernel stands and all are asked for', {}, 'a', 'all'],
    ['all stand and a kernel is asked for', { kernel: 'b' }, 'all', 'all'],
  ])('%s: what was asked for stays asked for', async (_case, flags, standing, value) => {
    const stands = standing === undefined ? {} : { [annotation]: standing }
    const { call, patched } = calling({ ...flags, ...way }, { standing: stands })
    expect(await retry(call)).toBe(0)
    expect(patched).toEqual([{ uid: 'uid-1', resourceVersion: '1', annotations: { [annotation]: value } }])
  })

  test('another kernel stands: it is never replaced', async () => {
    const { call, patched } = calling({ kernel: 'b', ...way }, { standing: { [annotation]: 'a' } })
    const message = /not taken up yet what was asked for kernel a/
    await expect(retry(call)).rejects.toMatchObject({ exitCode: 4, message: expect.stringMatching(message) })
    expect(patched).toEqual([])
  })

  test('what changed meanwhile is read again, and not for ever', async () => {
    const { call, patched } = calling(way, { conflicts: 4 })
    expect(await retry(call)).toBe(0)
    expect(patched).toMatchObject([{ resourceVersion: '5' }])
    await expect(retry(calling(way, { conflicts: 5 }).call)).rejects.toMatchObject({ code: 409 })
  })
})

test('a rebuild that would be taken for the last one is refused', async () => {
  const kernels = [held('a'), { ...held('b'), rebuild: { from: 2, done: true } } as const]
  const { call, patched } = calling({ rebuild: true }, { kernels })
  await expect(retry(call)).rejects.toMatchObject({ exitCode: 4, message: expect.stringMatching(/kernel b/) })
  expect(await retry(calling({ rebuild: true, kernel: 'a' }, { kernels }).call)).toBe(0)
  expect(await retry(calling({}, { kernels }).call)).toBe(0)
  expect(patched).toEqual([])
})
