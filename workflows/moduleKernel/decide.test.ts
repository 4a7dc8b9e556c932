import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import { decideKernel, failureKey } from './decide.ts'
import type { KernelMemory, Step } from './plan.ts'
import {
  absent,
  fresh,
  nothingLoaded,
  testBuildFailure,
  testFailure,
  testHash as hash,
  testImage as image,
  testNodes,
  testPod as pod,
  testRetry,
  testView as view,
  testWork as work,
} from './testView.ts'

const kinds = (steps: readonly Step[]) => steps.map((step) => step.kind)
const failedPod = pod({ state: 'failed' })
const rival = { ref: { namespace: 'drivers', name: 'other' }, kernel: '5.10.0', inputs: 'other' } as const
const contestReleased: KernelMemory = { ...fresh, released: [`contested:${hash}`] }
const known: KernelMemory = { ...fresh, failure: testBuildFailure }

describe('image track', () => {
  test.each<[string, Partial<KernelView>, KernelMemory, string[], string[]]>([
    ['nothing is made before the finalizer is on', { module: 'unguarded' }, fresh, [], []],
    ['an unreadable Module is left alone', { module: 'unreadable', pods: [pod()] }, fresh, [], []],
    ['an unknown image is asked for first', {}, fresh, ['check'], []],
    ['an absent image is built', {}, absent, ['build'], []],
    ['a running pod is followed, not doubled', { pods: [pod()] }, absent, ['follow'], []],
    ['a pod that ended unread is followed', { pods: [failedPod] }, fresh, ['follow'], []],
    ['a failed pod is kept and held', { pods: [failedPod] }, known, [], ['BuildCommandFailed']],
    ['a known digest needs nothing', { digest: 'sha256:1' }, fresh, [], []],
    [
      'a pod of other inputs goes first',
      { pods: [pod({ inputHash: 'b'.repeat(40) })] },
      absent,
      ['remove'],
      [],
    ],
    [
      'another run builds the image from the same inputs: it is waited for, whatever the registry said before',
      { rival: { ...rival, pod: 'other-build-1', inputs: 'same' } },
      absent,
      ['await'],
      [],
    ],
    ['another run builds it from other inputs', { rival }, absent, [], ['ImageContested']],
    ['a person takes the contested image as it is', { rival }, contestReleased, ['check'], []],
    ['a rival does not stop a build that runs', { rival, pods: [pod()] }, absent, ['follow'], []],
    ['a rival does not end a hold', { rival, pods: [failedPod] }, known, [], ['BuildCommandFailed']],
    ['a rival does not touch what is verified', { rival, digest: 'sha256:1' }, fresh, [], []],
    [
      'an unusable spec is held with its reason',
      {
        wish: {
          kind: 'invalid',
          reason: 'TemplateInvalid',
          field: 'containerImage',
          message: 'unknown variable',
        },
      },
      fresh,
      [],
      ['TemplateInvalid'],
    ],
    [
      'an absent image without build says so and keeps looking',
      { wish: { kind: 'wanted', image, generation: null, build: { kind: 'none' } } },
      absent,
      [],
      ['ImageMissing'],
    ],
    [
      'a missing Dockerfile holds only a build that is needed',
      {
        wish: {
          kind: 'wanted',
          image,
          generation: null,
          build: { kind: 'invalid', reason: 'DockerfileConfigMapMissing', field: 'f', message: 'm' },
        },
      },
      absent,
      [],
      ['DockerfileConfigMapMissing'],
    ],
    [
      'an image that exists is loaded without its Dockerfile',
      {
        wish: {
          kind: 'wanted',
          image,
          generation: null,
          build: { kind: 'invalid', reason: 'DockerfileConfigMapMissing', field: 'f', message: 'm' },
        },
        digest: 'sha256:1',
      },
      fresh,
      [],
      [],
    ],
    [
      'no node needs the image: a running build stops',
      { wish: { kind: 'none', why: 'NoNodes' }, pods: [pod()] },
      fresh,
      ['remove'],
      [],
    ],
    [
      'no node needs the image: a failed pod stays',
      { wish: { kind: 'none', why: 'NoNodes' }, pods: [failedPod] },
      fresh,
      [],
      [],
    ],
    [
      'deletion takes failed pods too',
      { module: 'deleting', wish: { kind: 'none', why: 'ModuleDeleted' }, pods: [failedPod] },
      fresh,
      ['remove'],
      [],
    ],
  ])('%s', (_name, change, memory, steps, holds) => {
    const plan = decideKernel(view(change), memory)
    expect(kinds(plan.steps)).toEqual(steps)
    expect(plan.holds.map((hold) => hold.reason)).toEqual(holds)
  })

  describe('an image for other architectures than the nodes', () => {
    const answer = { kind: 'present', image, generation: null, digest: 'sha256:1', architectures: ['arm64'] }
    const knows = { ...fresh, answers: [answer] } as KernelMemory
    const succeeded = pod({ state: 'succeeded', collectAt: '2020-01-01T00:00:00Z' })
    test.each<[string, Partial<KernelView>, string]>([
      ['for none of them', {}, 'ArchitectureMissing'],
      ['for some of them', { architectures: ['amd64', 'arm64'] }, 'MixedArchitectures'],
      ['that a build has made', { pods: [succeeded] }, 'ArchitectureMissing'],
    ])('%s is held and looked at', (_name, change, reason) => {
      const plan = decideKernel(view(change), knows)
      expect(plan.steps).toEqual([])
      expect(plan.holds).toMatchObject([{ reason, look: { kind: 'image', image } }])
    })
    test('counts once the nodes are of its own', () => {
      expect(decideKernel(view({ architectures: ['arm64'] }), knows)).toEqual({ steps: [], holds: [] })
    })
  })

  test('a registry that does not answer is asked again when the Module changes', () => {
    const keyOf = (generation: number) => decideKernel(view({ generation }), fresh).steps[0]?.key
    expect(keyOf(2)).not.toBe(keyOf(1))
  })

  test('an answer for another image or generation is no answer', () => {
    const wish = { kind: 'wanted', image, generation: 2, build: { kind: 'none' } } as const
    expect(kinds(decideKernel(view({ wish }), absent).steps)).toEqual(['check'])
  })

  test('after a deleted failed pod the next attempt has the next number', () => {
    const stored = { kernel: 'k', phase: 'BuildFailed', inputHash: hash, attempt: 3 } as const
    expect(decideKernel(view({ stored }), absent).steps).toMatchObject([{ kind: 'build', attempt: 4 }])
  })

  test('an attempt announced by this run stays the same until its pod has ended', () => {
    const stored = { kernel: 'k', phase: 'Building', inputHash: hash, attempt: 1 } as const
    const memory = { ...absent, making: { inputHash: hash, attempt: 1 } }
    expect(decideKernel(view({ stored }), memory).steps).toMatchObject([{ kind: 'build', attempt: 1 }])
  })

  test('attempts of other inputs do not count', () => {
    const stored = { kernel: 'k', phase: 'BuildFailed', inputHash: 'b', attempt: 3 } as const
    expect(decideKernel(view({ stored }), absent).steps).toMatchObject([{ kind: 'build', attempt: 1 }])
  })

  test('a failure in status is believed after the run is lost', () => {
    const stored = {
      kernel: 'k',
      phase: 'BuildFailed',
      reason: 'OutOfMemory',
      message: 'm',
      buildPod: failedPod.name,
    } as const
    const plan = decideKernel(view({ stored, pods: [failedPod] }), fresh)
    expect(plan).toMatchObject({ steps: [], holds: [{ reason: 'OutOfMemory' }] })
  })

  test('the failed pod of a released hold is removed, not read again, once status says Building', () => {
    const memory = { ...fresh, released: [`failed:${failedPod.uid}`] }
    const stored = { kernel: '6.1.0', image, phase: 'Building', inputHash: hash, attempt: 1 } as const
    expect(decideKernel(view({ pods: [failedPod], stored }), memory)).toMatchObject({
      steps: [{ kind: 'remove' }],
      holds: [],
    })
  })
  test('a pod on a node that does not answer is removed anew when the end of the Module is forced', () => {
    const wish = { kind: 'none', why: 'ModuleDeleted' } as const
    const lost = view({ module: 'deleting', wish, pods: [pod({ state: 'lost' })] })
    const [ordinary] = decideKernel(lost, fresh).steps
    const [forced] = decideKernel({ ...lost, forced: true }, fresh).steps
    expect([ordinary, forced]).toMatchObject([{ cause: 'moduleDeleted' }, { cause: 'forced' }])
    expect(forced?.key).not.toBe(ordinary?.key)
    // One that answers ends by itself.
    const active = view({ module: 'deleting', wish, pods: [pod({ state: 'active' })] })
    expect(decideKernel({ ...active, forced: true }, fresh).steps).toMatchObject([{ cause: 'moduleDeleted' }])
  })
  test('of very many failed nodes one retry releases all', () => {
    const of = (uid: string, at: string) => ({ ...testFailure('KeyRejected'), uid, at })
    const listed = [of('u2', '2026-01-02T00:00:00Z'), of('u1', '2026-01-01T00:00:00Z')]
    const nodes = (failures: typeof listed) =>
      view({ digest: 'd', nodes: testNodes({ failures, truncated: true, counts: { failed: 300 } }) })
    const [held] = decideKernel(nodes(listed), fresh).holds
    expect(held?.message).toContain('(and 299 more nodes)')
    const memory = { ...fresh, released: held?.releases ?? [] }
    const older = of('u0', '2025-12-31T00:00:00Z')
    const later = of('u3', '2026-01-02T00:00:01Z')
    const plan = decideKernel(nodes([later, older]), memory)
    expect(plan.steps).toMatchObject([{ kind: 'node', work: { uid: 'u0' } }])
    expect(plan.holds).toMatchObject([{ reason: 'KeyRejected' }])
  })
  test('a released hold removes the failed pod, once', () => {
    const [hold] = decideKernel(view({ pods: [failedPod] }), known).holds
    const memory = { ...known, released: hold?.releases ?? [] }
    expect(kinds(decideKernel(view({ pods: [failedPod] }), memory).steps)).toEqual(['remove'])
    const next = pod({ uid: 'pod-2', state: 'failed', attempt: 2 })
    const failure = { ...testBuildFailure, podUid: 'pod-2' }
    expect(decideKernel(view({ pods: [next] }), { ...memory, failure }).holds).toHaveLength(1)
  })

  test('a build that the registry does not have is held', () => {
    const succeeded = pod({ state: 'succeeded', collectAt: '2026-01-01T00:00:00Z' })
    const failure = { ...testBuildFailure, reason: 'BuiltButMissing' }
    const plan = decideKernel(view({ pods: [succeeded] }), { ...fresh, failure })
    expect(plan).toMatchObject({ steps: [], holds: [{ reason: 'BuiltButMissing' }] })
  })

  test('a cancelled build starts again only with other inputs or a retry', () => {
    const stored = { kernel: 'k', phase: 'Cancelled', inputHash: hash } as const
    expect(decideKernel(view({ stored }), fresh).steps).toEqual([])
    const other = { ...stored, inputHash: 'b' }
    expect(kinds(decideKernel(view({ stored: other }), fresh).steps)).toEqual(['check'])
  })
})

describe('clean-up', () => {
  const succeeded = pod({ state: 'succeeded', collectAt: '2026-01-01T00:00:30Z' })

  test('a succeeded pod is collected when its image is verified', () => {
    const plan = decideKernel(view({ pods: [succeeded], digest: 'sha256:1' }), fresh)
    expect(plan.steps).toMatchObject([{ kind: 'collect', at: '2026-01-01T00:00:30Z' }])
  })

  test('not before', () => {
    expect(kinds(decideKernel(view({ pods: [succeeded] }), fresh).steps)).toEqual(['follow'])
  })

  test('another delay is another step', () => {
    const key = (collectAt: string) =>
      decideKernel(view({ pods: [{ ...succeeded, collectAt }], digest: 'd' }), fresh).steps[0]?.key
    expect(key('2026-01-01T00:00:30Z')).not.toBe(key('2026-01-01T00:01:00Z'))
  })
})

describe('nodes track', () => {
  const failure = testFailure('UnknownSymbol')

  test('nodes are worked on while a build is held', () => {
    const nodes = { ...nothingLoaded, work: [work] }
    const plan = decideKernel(view({ pods: [failedPod], nodes }), known)
    expect(kinds(plan.steps)).toEqual(['node'])
    expect(plan.holds).toHaveLength(1)
  })

  test('a failed node is held until it is released', () => {
    const nodes = { ...nothingLoaded, failures: [failure] }
    const held = decideKernel(view({ digest: 'd', nodes }), fresh)
    expect(held).toMatchObject({
      steps: [],
      holds: [{ reason: 'UnknownSymbol', releases: [failureKey(failure)] }],
    })
    const released = decideKernel(view({ digest: 'd', nodes }), { ...fresh, released: [failureKey(failure)] })
    expect(released).toMatchObject({ steps: [{ kind: 'node' }], holds: [] })
  })

  test('a module in use is no hold: it is tried again at its time', () => {
    const nodes = { ...nothingLoaded, work: [testRetry], failures: [testRetry] }
    const plan = decideKernel(view({ digest: 'd', nodes }), fresh)
    expect(plan.holds).toEqual([])
    const { notBefore } = testRetry
    expect(plan.steps).toEqual([
      { kind: 'node', key: 'node:uid-n1:Load:b1:c1', work: { ...work, uid: 'uid-n1', notBefore } },
    ])
  })

  test('a later failure of the same command is another hold', () => {
    const nodes = { ...nothingLoaded, failures: [{ ...failure, at: '2026-03-01T00:00:00Z' }] }
    const memory = { ...fresh, released: [failureKey(failure)] }
    expect(decideKernel(view({ digest: 'd', nodes }), memory).holds).toHaveLength(1)
  })
})

test('a step that the cluster refused for good is a hold until released', () => {
  const [step] = decideKernel(view(), absent).steps
  const refused = { [step!.key]: { reason: 'KubeRejected', message: 'no' } }
  const plan = decideKernel(view(), { ...absent, refused })
  expect(plan).toMatchObject({ steps: [], holds: [{ reason: 'KubeRejected', releases: [step!.key] }] })
})
