import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { decideKernel, failureKey } from './decide.ts'
import { describeEntry, sameButNodes, sameEntry } from './describe.ts'
import type { KernelMemory } from './plan.ts'
import {
  absent,
  fresh,
  nothingLoaded,
  testBuildFailure,
  testFailure,
  testHash,
  testImage,
  testNodes,
  testPod,
  testRetry,
  testRun,
  testView,
  testWork,
} from './testView.ts'

const entryOf = (change: Partial<KernelView>, memory: KernelMemory = fresh) => {
  const view = testView(change)
  return describeEntry(testRun, view, memory, decideKernel(view, memory))
}
const stored = (change: Partial<KernelStatus> = {}): KernelStatus => ({
  kernel: '6.1.0',
  phase: 'Loaded',
  image: testImage,
  ...change,
})
const rival = { ref: { namespace: 'drivers', name: 'other' }, kernel: '5.10.0' }
const none = (why: 'NoNodes' | 'NoMapping' | 'ModuleDeleted' | 'NoModuleLoader') =>
  ({ kind: 'none', why }) as const
const noNodes = testNodes({ counts: { targets: 0, loaded: 0 } })
const buildless = { kind: 'wanted', image: testImage, generation: null, build: { kind: 'none' } } as const
const failedPod = testPod({ state: 'failed' })
const unload = { ...testWork, action: 'Unload' } as const
const invalid = {
  kind: 'invalid',
  reason: 'TemplateInvalid',
  field: 'f',
  message: 'unknown variable.',
} as const

describe('phase and reason', () => {
  test.each<[string, Partial<KernelView>, KernelMemory, string]>([
    ['an image is asked for', {}, fresh, 'CheckingImage'],
    ['a build is to begin', {}, absent, 'Building'],
    ['a build runs', { pods: [testPod()] }, fresh, 'Building'],
    [
      'another run builds it',
      { rival: { ...rival, pod: 'p', inputs: 'same' } },
      absent,
      'Building ImageClaimed',
    ],
    [
      'another run has built it from other inputs',
      { rival: { ...rival, inputs: 'other' } },
      absent,
      'InputInvalid ImageContested',
    ],
    ['pods of other inputs go', { pods: [testPod({ inputHash: 'b' })] }, fresh, 'Building'],
    [
      'a build failed',
      { pods: [failedPod] },
      { ...fresh, failure: testBuildFailure },
      'BuildFailed BuildCommandFailed',
    ],
    ['no image and no build', { wish: buildless }, absent, 'WaitingForImage ImageMissing'],
    [
      'no image and no Dockerfile',
      { wish: { ...buildless, build: { ...invalid, reason: 'DockerfileKeyMissing' } } },
      absent,
      'InputInvalid DockerfileKeyMissing',
    ],
    ['a spec that cannot be used', { wish: invalid }, fresh, 'InputInvalid TemplateInvalid'],
    [
      'loading',
      { digest: 'd', nodes: testNodes({ work: [testWork], counts: { loaded: 0 } }) },
      fresh,
      'Loading',
    ],
    [
      'unloading the old one first',
      { digest: 'd', nodes: testNodes({ work: [unload], counts: { loaded: 0, waiting: 1 } }) },
      fresh,
      'Unloading',
    ],
    [
      'loading here, unloading there',
      { digest: 'd', nodes: testNodes({ work: [unload, testWork], counts: { loaded: 0, waiting: 2 } }) },
      fresh,
      'Loading',
    ],
    [
      'loading failed',
      {
        digest: 'd',
        nodes: testNodes({ failures: [testFailure('KeyRejected')], counts: { loaded: 0, failed: 1 } }),
      },
      fresh,
      'LoadFailed KeyRejected',
    ],
    [
      'loading failed, and a person has retried',
      {
        digest: 'd',
        nodes: testNodes({ failures: [testFailure('KeyRejected')], counts: { loaded: 0, failed: 1 } }),
        stored: stored({ phase: 'LoadFailed', reason: 'KeyRejected', message: 'm' }),
      },
      { ...fresh, released: [failureKey(testFailure('KeyRejected'))] },
      'Loading',
    ],
    [
      'in use, tried again',
      {
        digest: 'd',
        nodes: testNodes({
          work: [testRetry],
          failures: [testRetry],
          counts: { loaded: 0, waiting: 1 },
        }),
      },
      fresh,
      'Loading InUse',
    ],
    [
      'a pod that is stuck',
      {
        digest: 'd',
        nodes: testNodes({
          work: [{ ...testWork, trouble: { reason: 'ImagePullBackOff', message: 'm' } }],
          counts: { loaded: 0, waiting: 1 },
        }),
      },
      fresh,
      'Loading ImagePullBackOff',
    ],
    [
      'a pod that was stuck, and is not any more',
      {
        digest: 'd',
        nodes: testNodes({ work: [testWork], counts: { loaded: 0, waiting: 1 } }),
        stored: { kernel: '6.1.0', phase: 'Loading', reason: 'ImagePullBackOff', message: 'm' },
      },
      fresh,
      'Loading',
    ],
    [
      'a pod that is refused',
      {
        digest: 'd',
        nodes: testNodes({ work: [testWork], counts: { loaded: 0, waiting: 1 } }),
        stored: { kernel: '6.1.0', phase: 'Loading', reason: 'PodRefusedByQuota', message: 'm' },
      },
      fresh,
      'Loading PodRefusedByQuota',
    ],
    [
      'a pod that is refused, beside one that is stuck: the first stands, so that they take no turns',
      {
        digest: 'd',
        nodes: testNodes({
          work: [
            testWork,
            { ...testWork, node: 'n2', podMade: true, trouble: { reason: 'ImagePullBackOff', message: '' } },
          ],
          counts: { loaded: 0, waiting: 2 },
        }),
        stored: { kernel: '6.1.0', phase: 'Loading', reason: 'PodRefusedByQuota', message: 'm' },
      },
      fresh,
      'Loading PodRefusedByQuota',
    ],
    [
      'a pod that was refused, and is made by now',
      {
        digest: 'd',
        nodes: testNodes({ work: [{ ...testWork, podMade: true }], counts: { loaded: 0, waiting: 1 } }),
        stored: { kernel: '6.1.0', phase: 'Loading', reason: 'PodRefusedByQuota', message: 'm' },
      },
      fresh,
      'Loading',
    ],
    [
      'a label that is to come',
      { digest: 'd', nodes: testNodes({ work: [{ ...testWork, action: 'Relabel' }] }) },
      fresh,
      'Loaded',
    ],
    ['all loaded', { digest: 'd', nodes: testNodes() }, fresh, 'Loaded'],
    [
      'one is not Ready',
      { digest: 'd', nodes: testNodes({ counts: { targets: 2, unreachable: 1 } }) },
      fresh,
      'Loading NodesUnreachable',
    ],
    ['all are cordoned', { digest: 'd', nodes: noNodes }, fresh, 'NoNodes'],
    ['no mapping', { wish: none('NoMapping') }, fresh, 'NoNodes NoMapping'],
    [
      'selected no more, still loaded',
      { wish: none('NoNodes'), nodes: testNodes({ work: [unload], counts: { loaded: 0, waiting: 1 } }) },
      fresh,
      'Unloading',
    ],
    [
      'deleted, a node is not Ready',
      { module: 'deleting', wish: none('ModuleDeleted'), nodes: testNodes({ counts: { unreachable: 1 } }) },
      fresh,
      'Unloading NodesUnreachable',
    ],
    [
      'cancelled',
      { stored: stored({ phase: 'Cancelled', inputHash: testHash, message: 'm' }) },
      fresh,
      'Cancelled Cancelled',
    ],
  ])('%s', (_name, change, memory, expected) => {
    const { phase, reason } = entryOf(change, memory) ?? {}
    expect([phase, reason].filter((word) => word !== undefined).join(' ')).toBe(expected)
  })
})

describe('an entry goes when the kernel concerns the Module no more', () => {
  test.each<[string, Partial<KernelView>, boolean]>([
    ['no nodes', { wish: none('NoNodes'), nodes: noNodes }, false],
    ['no moduleLoader', { wish: none('NoModuleLoader'), nodes: noNodes }, false],
    ['deleted and unloaded', { module: 'deleting', wish: none('ModuleDeleted'), nodes: noNodes }, false],
    [
      'Module gone, whatever is left',
      { module: 'gone', nodes: testNodes({ work: [unload], counts: { loaded: 0, waiting: 1 } }) },
      false,
    ],
    ['a failed pod is kept', { wish: none('NoNodes'), nodes: noNodes, pods: [failedPod] }, true],
    [
      'a node is still to be unloaded',
      { wish: none('NoNodes'), nodes: testNodes({ work: [unload], counts: { loaded: 0, waiting: 1 } }) },
      true,
    ],
    [
      'unloading failed',
      { wish: none('NoNodes'), nodes: testNodes({ failures: [testFailure('KeyRejected')] }) },
      true,
    ],
    [
      'a node that is not Ready has it',
      { wish: none('NoNodes'), nodes: testNodes({ counts: { targets: 0, loaded: 0, unreachable: 1 } }) },
      true,
    ],
    ['nodes without a mapping', { wish: none('NoMapping') }, true],
  ])('%s', (_name, change, expected) => {
    expect(entryOf({ stored: stored(), ...change }) !== undefined).toBe(expected)
  })
  test('an unreadable Module keeps what stands there', () => {
    const old = stored({ message: 'x' })
    expect(entryOf({ module: 'unreadable', stored: old })).toBe(old)
  })
})

describe('facts', () => {
  test('the whole entry of a build that is about to begin', () => {
    expect(entryOf({}, absent)).toEqual({
      kernel: '6.1.0',
      phase: 'Building',
      image: testImage,
      inputHash: testHash,
      attempt: 1,
      buildPod: 'fpga-build-aaaaaaaa-1',
      workflowId: testRun.workflowId,
      runId: 'run-1',
      since: testRun.now,
      nodes: { targets: 1, loaded: 0, failed: 0, waiting: 1 },
    })
  })
  test('a digest that is known but not written yet', () => {
    const answer = {
      kind: 'present',
      digest: 'sha256:1',
      architectures: ['amd64'],
      image: testImage,
      generation: null,
    } as const
    expect(entryOf({}, { ...fresh, answers: [answer] })).toMatchObject({ digest: 'sha256:1' })
  })
  test('where and from what the image was built stays as long as its digest', () => {
    const builtOn = { node: 'b1', osImage: 'Debian GNU/Linux 12 (bookworm)' }
    const sourceHash = 's1'
    const answer = {
      kind: 'present',
      digest: 'd',
      architectures: [],
      image: testImage,
      generation: null,
      builtOn,
      sourceHash,
    } as const
    const labels = { builtOn, sourceHash }
    expect(entryOf({}, { ...fresh, answers: [answer] })).toMatchObject(labels)
    expect(entryOf({ digest: 'd', stored: stored({ digest: 'd', ...labels }) })).toMatchObject(labels)
    const without = (entry: unknown) => {
      expect(entry).not.toHaveProperty('builtOn')
      expect(entry).not.toHaveProperty('sourceHash')
    }
    without(entryOf({ digest: 'e' }, { ...fresh, answers: [answer] }))
    const older = stored({ digest: 'c', builtOn: { node: 'b0' }, sourceHash: 's0' })
    expect(entryOf({ stored: older }, { ...fresh, answers: [answer] })).toMatchObject(labels)
    without(entryOf({ stored: older }))
  })
  test('the generation a digest is of', () => {
    expect(entryOf({ wish: { ...buildless, generation: 4 } }, fresh)).toMatchObject({ imageGeneration: 4 })
    expect(entryOf({ stored: stored({ imageGeneration: 4 }) })).not.toHaveProperty('imageGeneration')
  })
  test('what failed, with its error lines, until the image is there', () => {
    const memory = { ...fresh, failure: testBuildFailure }
    const facts = { inputHash: testHash, attempt: 1, buildPod: failedPod.name, errorLines: 'error: x' }
    expect(entryOf({ pods: [failedPod] }, memory)).toMatchObject(facts)
    const kept = entryOf({ pods: [failedPod], stored: stored({ ...facts, phase: 'BuildFailed' }) })
    expect(kept).toMatchObject(facts)
    const mended = entryOf({ digest: 'd', stored: stored(facts), nodes: testNodes() })
    expect(mended).toMatchObject({ attempt: 1, buildPod: failedPod.name })
    expect(mended).not.toHaveProperty('errorLines')
  })
  test('what was built under another reference says nothing of this one', () => {
    const former = stored({ image: 'reg.example/fpga:0', inputHash: 'b', attempt: 3, buildPod: 'p' })
    const entry = entryOf({ stored: former })
    for (const fact of ['inputHash', 'attempt', 'buildPod']) expect(entry).not.toHaveProperty(fact)
  })
  test('for whom a run waits', () => {
    const { message } = entryOf({ rival: { ...rival, pod: 'other-build-1', inputs: 'same' } }) ?? {}
    expect(message).toContain('Module drivers/other (kernel 5.10.0) in pod other-build-1')
  })
  test('nodes that are not Ready are waiting', () => {
    expect(entryOf({ nodes: testNodes({ counts: { waiting: 1, unreachable: 2 } }) })?.nodes?.waiting).toBe(3)
  })
  test('since when: as long as the phase stays', () => {
    const since = '2026-01-01T00:00:00Z'
    expect(entryOf({ stored: stored({ phase: 'CheckingImage', since }) })?.since).toBe(since)
    expect(entryOf({ stored: stored({ phase: 'Loading', since }) })?.since).toBe(testRun.now)
  })
  test('the reason that a waiting step wrote stays as long as the step and its phase', () => {
    const why = { reason: 'RegistryUnreachable', message: 'no route' }
    expect(entryOf({ stored: stored({ phase: 'CheckingImage', ...why }) })).toMatchObject(why)
    expect(entryOf({ stored: stored({ phase: 'CheckingImage', ...why }) }, absent)).not.toHaveProperty(
      'reason',
    )
    expect(entryOf({ digest: 'd', nodes: testNodes(), stored: stored({ ...why }) })).not.toHaveProperty(
      'reason',
    )
  })
  test('a hold says what unblocks it', () => {
    expect(entryOf({ wish: invalid })?.message).toBe('unknown variable. Change f of the Module.')
  })
  test('no field is undefined: what is compared is what the API server stores', () => {
    expect(Object.values(entryOf({ nodes: nothingLoaded }) ?? {})).not.toContain(undefined)
  })
})

test('sameEntry: only run, workflow and time are no news', () => {
  const a = stored({ since: 's1', runId: 'r1', workflowId: 'w1' })
  expect(sameEntry(a, stored({ since: 's2', runId: 'r2', workflowId: 'w2' }))).toBe(true)
  expect(sameEntry(a, stored({ message: 'm' }))).toBe(false)
  expect(sameEntry(a, undefined)).toBe(false)
  expect(sameEntry(undefined, undefined)).toBe(true)
})

test('sameButNodes: counts of nodes, and what is said of them and why, differ all the time', () => {
  const nodes = { targets: 9, loaded: 3, failed: 0, waiting: 6 }
  const a = stored({ nodes, message: 'Node n1 waits', since: 's1' })
  expect(sameButNodes(a, stored({ nodes: { ...nodes, loaded: 4 }, message: 'Node n2 waits' }))).toBe(true)
  expect(sameButNodes(a, stored({ nodes, reason: 'InUse' }))).toBe(true)
  for (const phase of ['Loading', 'Loaded', 'LoadFailed'] as const)
    expect(sameButNodes({ ...a, phase: 'Loaded' }, stored({ nodes, phase }))).toBe(true)
  expect(sameButNodes({ ...a, phase: 'Unloading' }, stored({ nodes, phase: 'Loaded' }))).toBe(false)
  expect(sameButNodes({ ...a, phase: 'Loaded' }, stored({ nodes, digest: 'another' }))).toBe(false)
  expect(sameButNodes(a, undefined)).toBe(false)
})

describe('whether the Module may push', () => {
  const stored = { kernel: '6.1.0', phase: 'Building' as const, image: testImage, mayPush: true }
  const shows = (change: Partial<KernelView>, push?: KernelMemory['push']) =>
    entryOf(change, { ...fresh, ...(push && { push }) })?.mayPush
  test('stays in status as long as the image is the same', () => {
    expect(shows({ stored })).toBe(true)
    expect(shows({ stored: { ...stored, image: 'reg.example/other:1' } })).toBeUndefined()
    expect(shows({})).toBeUndefined()
  })
  test('is what the last build showed', () => {
    expect(shows({}, { image: testImage, shown: true })).toBe(true)
    expect(shows({ stored }, { image: testImage, shown: false })).toBeUndefined()
    expect(shows({}, { image: 'reg.example/other:1', shown: true })).toBeUndefined()
  })
})
