import { describe, expect, test } from 'vitest'
import type { KernelView } from '../../api/kernelView.ts'
import { viewRebuild } from '../../api/rebuild.ts'
import { decideKernel } from './decide.ts'
import { describeEntry } from './describe.ts'
import type { KernelMemory } from './plan.ts'
import {
  absent,
  fresh,
  interruptedEntry,
  testBuildFailure,
  testHash,
  testImage as image,
  testPod as pod,
  testRun,
  testView,
} from './testView.ts'

/** A view of an image that is to be built again; attempts from 2 on count. */
const view = (change: Partial<KernelView> = {}) => testView({ rebuildFrom: 2, ...change })
const rival = { ref: { namespace: 'drivers', name: 'other' }, kernel: '5.10.0', inputs: 'other' } as const
const rebuilt = { kind: 'present', digest: 'sha256:2', architectures: [], image, generation: null } as const
const failed: KernelMemory = {
  ...fresh,
  failure: { ...testBuildFailure, attempt: 2, podUid: 'pod-2', pod: 'p2' },
}

function wishFor(reason: string): KernelView['wish'] {
  const build = { kind: 'invalid', reason, field: 'selector', message: 'x.' } as const
  return { kind: 'wanted', image, generation: null, build }
}

function told(change: Partial<KernelView>, memory: KernelMemory = fresh) {
  const seen = view(change)
  const plan = decideKernel(seen, memory)
  const steps = plan.steps.map((step) => ('attempt' in step ? `${step.kind} ${step.attempt}` : step.kind))
  const holds = plan.holds.map(({ reason }) => reason)
  return { plan, steps, holds, entry: describeEntry(testRun, seen, memory, plan) }
}

describe('images:MIC-10 Better: an image that is there is built again', () => {
  test.each<[string, Partial<KernelView>, KernelMemory, string[], string[]]>([
    ['whatever the registry has: it is not asked', {}, fresh, ['build 2'], []],
    ['whatever it said before', {}, { ...fresh, answers: [rebuilt] }, ['build 2'], []],
    ['and absent is built as well', {}, absent, ['build 2'], []],
    ['its pod is followed', { pods: [pod({ attempt: 2 })] }, fresh, ['follow'], []],
    ['a failed pod from before goes', { pods: [pod({ state: 'failed' })] }, fresh, ['remove'], []],
    [
      'a good one from before is no answer, and is collected',
      { pods: [pod({ state: 'succeeded', collectAt: testRun.now })] },
      fresh,
      ['build 2', 'collect'],
      [],
    ],
    [
      'interruptions from before do not count',
      { stored: interruptedEntry(4), rebuildFrom: 5 },
      fresh,
      ['build 5'],
      [],
    ],
    [
      'nor a failed pod that vanished',
      {
        stored: { kernel: '6.1.0', phase: 'BuildFailed', image, inputHash: testHash, attempt: 1 },
        lostNode: 'n9',
      },
      fresh,
      ['build 2'],
      [],
    ],
    [
      'one that fails is held',
      { pods: [pod({ attempt: 2, uid: 'pod-2', state: 'failed' })] },
      failed,
      [],
      ['BuildCommandFailed'],
    ],
    [
      'other inputs count on',
      { wish: { kind: 'wanted', image, generation: null, build: { kind: 'ready', inputHash: 'b' } } },
      fresh,
      ['build 2'],
      [],
    ],
    [
      'never over the image of another',
      { rival },
      { ...fresh, released: [`contested:${testHash}`] },
      [],
      ['ImageContested'],
    ],
    [
      'not while another builds the same',
      { rival: { ...rival, inputs: 'same', pod: 'p' } },
      fresh,
      ['await'],
      [],
    ],
    ['once it is there nothing is done', {}, { ...fresh, answers: [{ ...rebuilt, rebuildFrom: 2 }] }, [], []],
    [
      'the one before is no answer to the next',
      { rebuildFrom: 3 },
      { ...fresh, answers: [{ ...rebuilt, rebuildFrom: 2 }] },
      ['build 3'],
      [],
    ],
  ])('%s', (_name, change, memory, steps, holds) => {
    expect(told(change, memory)).toMatchObject({ steps, holds })
  })

  const wayBack = /change spec\.imageRebuildTriggerGeneration\.$/

  test('a look at its hold does not ask whether the image is there; the hold names the way back to it', () => {
    const pods = [pod({ attempt: 2, uid: 'pod-2', name: 'p2', state: 'failed' })]
    const unblock = expect.stringMatching(wayBack) as string
    const { plan, entry } = told({ pods }, failed)
    expect(plan.holds).toMatchObject([{ look: { rebuild: true }, unblock }])
    const read = told({ pods, stored: entry as never }).plan.holds
    expect(read).toMatchObject([{ message: plan.holds[0]?.message, unblock }])
  })

  test.each<[string, Partial<KernelView>, KernelMemory, string, object]>([
    [
      'that is there for other nodes',
      { architectures: ['arm64'] },
      { ...fresh, answers: [{ ...rebuilt, architectures: ['amd64'], rebuildFrom: 2 }] },
      'ArchitectureMissing',
      { made: ['amd64'] },
    ],
    [
      'that no build makes for all nodes',
      { wish: wishFor('MixedArchitectures') },
      fresh,
      'MixedArchitectures',
      {},
    ],
    ['whose Dockerfile is gone', { wish: wishFor('Gone') }, fresh, 'Gone', { rebuild: true }],
  ])('a hold on an image %s looks whether another is there, if that would do', (...story) => {
    const [, change, memory, reason, look] = story
    const { holds } = told(change, memory).plan
    expect(holds.map((held) => [held.reason, held.look])).toEqual([
      [reason, { kind: 'image', image, ...look }],
    ])
  })

  test('no retry releases a contested one, but of another generation: the hold says so', () => {
    const { holds } = told({ rival }).plan
    const unblock = expect.stringMatching(
      /imageRebuildTriggerGeneration\. Then the signal `retryBuild`/,
    ) as string
    expect(holds).toMatchObject([{ releases: [], unblock }])
    const next = told({ rival, rebuildFrom: undefined } as never).plan.holds
    expect(next).toMatchObject([{ releases: [holds[0]?.key] }])
  })
})

describe('status', () => {
  const done: KernelMemory = { ...fresh, answers: [{ ...rebuilt, rebuildFrom: 2 }] }
  const stored = { kernel: '6.1.0', phase: 'Loaded', image, digest: 'sha256:1' } as const

  test.each<[string, Partial<KernelView>, KernelMemory, object | undefined]>([
    ['it is taken up before the build begins', { rebuildAsked: true, stored }, fresh, { from: 2 }],
    ['it stays until the image is there', {}, fresh, { from: 2 }],
    ['then it goes', {}, done, undefined],
    ['but not while the annotation stands', { rebuildAsked: true }, done, { from: 2, done: true }],
    [
      'which says no more than that it was taken up',
      {
        rebuildFrom: undefined,
        rebuildAsked: true,
        digest: 'sha256:2',
        stored: { ...stored, rebuild: { from: 2, done: true } },
      } as never,
      fresh,
      { from: 2, done: true },
    ],
    [
      'and goes with it',
      {
        rebuildFrom: undefined,
        digest: 'sha256:2',
        stored: { ...stored, rebuild: { from: 2, done: true } },
      } as never,
      fresh,
      undefined,
    ],
  ])('%s', (_name, change, memory, rebuild) => {
    expect(told(change, memory).entry?.rebuild).toEqual(rebuild)
  })

  test('it waits while the Module cannot be resolved, and goes on afterwards', () => {
    const taken = { ...stored, digest: undefined, imageGeneration: 3, rebuild: { from: 2 } } as never
    const invalid = { kind: 'invalid', reason: 'TemplateInvalid', field: 'x', message: 'x.' } as const
    const { entry } = told({ rebuildFrom: undefined, wish: invalid, stored: taken } as never)
    expect(entry).toMatchObject({ phase: 'InputInvalid', image, imageGeneration: 3, rebuild: { from: 2 } })
    const build = { kind: 'ready', inputHash: testHash } as const
    const wish = { kind: 'wanted', image, generation: 3, build } as const
    expect(viewRebuild(false, wish, entry, [])).toEqual({ rebuildFrom: 2 })
  })

  test('the digest that was is no answer while it is built again, and the new one is', () => {
    expect(told({ stored }).entry).not.toHaveProperty('digest')
    expect(told({ stored }, done).entry).toMatchObject({ digest: 'sha256:2' })
  })
})
