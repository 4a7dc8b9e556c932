import { describe, expect, test } from 'vitest'
import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import { decideKernel } from './decide.ts'
import { describeEntry } from './describe.ts'
import type { KernelMemory, Question } from './plan.ts'
import { describeDetails } from './details.ts'
import { sourceOf } from './known.ts'
import { fresh, testBuildFailure, testImage as image, testPod, testRun, testView } from './testView.ts'

const builds = 'b'.repeat(40)
const signs = 'c'.repeat(40)
const unsigned = 'reg.example/fpga:kmm-unsigned-b'
const unsignedDigest = `sha256:${'7'.repeat(64)}`
const kept = { image: unsigned, digest: unsignedDigest }

const wish = {
  kind: 'wanted',
  image,
  generation: null,
  signs: true,
  build: { kind: 'ready', inputHash: signs },
  unsigned: { image: unsigned, build: { kind: 'ready', inputHash: builds } },
} as const satisfies KernelView['wish']
/** Nothing is built: the Module names the image that is signed. */
const signsOnly = { ...wish, unsigned: { image: unsigned, build: { kind: 'none' } } } as const
const mixed = { kind: 'invalid', reason: 'MixedArchitectures', field: 'selector', message: 'x.' } as const

const buildPod = (change: Partial<BuildPodView> = {}) =>
  testPod({ name: 'build-1', uid: 'u-build', image: unsigned, inputHash: builds, ...change })
const signPod = (change: Partial<BuildPodView> = {}) =>
  testPod({
    name: 'sign-1',
    uid: 'u-sign',
    inputHash: signs,
    source: `${unsigned}@${unsignedDigest}`,
    ...change,
  })
const stored = (change: Partial<KernelStatus> = {}): KernelStatus => ({
  kernel: '6.1.0',
  phase: 'Signing',
  image,
  unsigned: kept,
  inputHash: signs,
  attempt: 1,
  buildPod: 'sign-1',
  ...change,
})

type Answer = NonNullable<KernelMemory['answers']>[number]
const asked = (of: string, change: Partial<Question> = {}): Question => ({
  image: of,
  generation: null,
  ...change,
})
const absent = (of: string, change?: Partial<Question>): Answer => ({ ...asked(of, change), kind: 'absent' })
const present = (of: string, digest: string, change?: Partial<Question>): Answer => ({
  ...asked(of, change),
  kind: 'present',
  digest,
  architectures: ['amd64'],
})
const knows = (...answers: Answer[]): KernelMemory => ({ ...fresh, answers })
const learnt = (pod: BuildPodView): KernelMemory => ({
  ...fresh,
  failure: { ...testBuildFailure, inputHash: pod.inputHash, pod: pod.name, podUid: pod.uid },
})

function told(change: Partial<KernelView>, memory: KernelMemory = fresh) {
  const view = testView({ wish, ...change })
  const plan = decideKernel(view, memory)
  const steps = plan.steps.map((step) => {
    switch (step.kind) {
      case 'check':
        return `check ${step.image}`
      case 'build':
        return `${step.unsigned === undefined ? 'build' : `sign ${sourceOf(step.unsigned)} as`} ${step.image} ${step.attempt}`
      case 'follow':
        return `follow ${step.pod.name} for ${step.image}`
      case 'remove':
        return `remove ${step.pod.name} ${step.cause}`
      case 'collect':
        return `collect ${step.pod.name}`
      default:
        return step.kind
    }
  })
  const holds = plan.holds.map(({ reason }) => reason)
  return { view, plan, steps, holds, entry: describeEntry(testRun, view, memory, plan) }
}

const buildIt = `build ${unsigned} 1`
const signIt = `sign ${unsigned}@${unsignedDigest} as ${image} 1`

describe('images:SGN-7 Better: the image is there when it is signed, never before', () => {
  test.each<[string, Partial<KernelView>, KernelMemory, string[], string[]]>([
    ['the wanted image is asked for first', {}, fresh, [`check ${image}`], []],
    [
      'then it is built under a name of its own, whatever stands there',
      {},
      knows(absent(image)),
      [buildIt],
      [],
    ],
    [
      'one that the Module names is asked for',
      { wish: signsOnly },
      knows(absent(image)),
      [`check ${unsigned}`],
      [],
    ],
    [
      'its pod is followed, and asked about',
      { pods: [buildPod()] },
      fresh,
      [`follow build-1 for ${unsigned}`],
      [],
    ],
    [
      'and signed by its digest',
      { wish: signsOnly },
      knows(absent(image), present(unsigned, unsignedDigest)),
      [signIt],
      [],
    ],
    [
      'a build that went well is signed and goes when its image is known',
      { pods: [buildPod({ state: 'succeeded', collectAt: testRun.now })] },
      knows(absent(image), present(unsigned, unsignedDigest)),
      [signIt, 'collect build-1'],
      [],
    ],
    [
      'and not before',
      { pods: [buildPod({ state: 'succeeded', collectAt: testRun.now })] },
      fresh,
      [`follow build-1 for ${unsigned}`],
      [],
    ],
    [
      'what status knows is not asked for',
      { stored: stored() },
      knows(absent(image)),
      [signIt.replace(/1$/, '2')],
      [],
    ],
    [
      'the pod that signs is followed',
      { pods: [signPod()], stored: stored() },
      fresh,
      [`follow sign-1 for ${image}`],
      [],
    ],
    [
      'one that signs what nobody knows any more is left alone meanwhile',
      { pods: [signPod()] },
      knows(absent(image), absent(unsigned)),
      [buildIt],
      [],
    ],
    [
      'an image that is there needs neither',
      { pods: [signPod({ state: 'succeeded', collectAt: testRun.now })], stored: stored() },
      knows(present(image, 'sha256:9')),
      ['collect sign-1'],
      [],
    ],
    [
      'one that is there serves another generation, too',
      { stored: stored({ imageGeneration: 1 }) },
      knows(absent(image)),
      [signIt.replace(/1$/, '2')],
      [],
    ],
    [
      'what is no digest in status is not believed',
      { stored: stored({ unsigned: { ...kept, digest: 'x' } }) },
      knows(absent(image)),
      [buildIt],
      [],
    ],
    [
      'one that the registry has lost is built again',
      { stored: stored() },
      knows(absent(image), absent(unsigned)),
      [buildIt],
      [],
    ],
    [
      'a pod that signs another one goes',
      { pods: [signPod({ source: 'reg.example/fpga:other@sha256:1' })], stored: stored() },
      knows(absent(image)),
      ['remove sign-1 superseded'],
      [],
    ],
    [
      'what cannot be signed is not built',
      { wish: { kind: 'wanted', image, generation: null, build: mixed } },
      knows(absent(image)),
      [],
      ['MixedArchitectures'],
    ],
  ])('%s', (_what, change, memory, steps, holds) => {
    expect(told(change, memory)).toMatchObject({ steps, holds })
  })

  test('an image that the Module names and nobody has pushed is waited for', () => {
    const { steps, holds, entry, plan } = told({ wish: signsOnly }, knows(absent(image), absent(unsigned)))
    expect([steps, holds]).toEqual([[], ['ImageMissing']])
    expect(entry).toMatchObject({ phase: 'WaitingForImage', message: expect.stringContaining(unsigned) })
    expect(plan.holds[0]?.look).toMatchObject({ kind: 'image', image: unsigned })
  })
})

describe('images:MIC-8 Better: a failed signing is held, and only that is tried again', () => {
  const failed = signPod({ state: 'failed' })

  test('it is held with the reason, by whoever looks', () => {
    const { holds, steps, entry, plan } = told({ pods: [failed], stored: stored() }, learnt(failed))
    expect([steps, holds]).toEqual([[], ['BuildCommandFailed']])
    expect(entry).toMatchObject({ phase: 'SignFailed', buildPod: 'sign-1', unsigned: kept })
    expect(plan.holds[0]?.look).toMatchObject({ image, pod: { name: 'sign-1' } })
    // An operator that is started anew reads it in status.
    const again = told({ pods: [failed], ...(entry && { stored: entry }) })
    expect(again).toMatchObject({ holds: ['BuildCommandFailed'], steps: [], entry: { phase: 'SignFailed' } })
  })
  test('a retry signs again, from the same image', () => {
    const memory = { ...learnt(failed), released: ['failed:u-sign'] }
    expect(told({ pods: [failed], stored: stored() }, memory).steps).toEqual(['remove sign-1 retried'])
    const { steps } = told({ stored: stored() }, { ...memory, ...knows(absent(image)) })
    expect(steps).toEqual([signIt.replace(/1$/, '2')])
  })
  test('what the Module names is signed as it is now: once its pod is gone, it is asked for anew', () => {
    const held = { wish: signsOnly, pods: [failed], stored: stored({ phase: 'SignFailed' }) }
    expect(told(held)).toMatchObject({ steps: [], entry: { phase: 'SignFailed', unsigned: kept } })
    expect(told({ ...held, pods: [] }, knows(absent(image))).steps).toEqual([`check ${unsigned}`])
  })
  test('without its Dockerfile, nothing that is to be signed is taken for the image', () => {
    const gone = { kind: 'invalid', reason: 'DockerfileKeyMissing', field: 'x', message: 'x.' } as const
    const lost = { kind: 'wanted', image, generation: null, signs: true, build: gone } as const
    const hash = builds
    const built = `reg.example/fpga:kmm-unsigned-${hash}`
    const pod = buildPod({ image: built })
    const before = stored({ phase: 'Building', inputHash: hash, buildPod: 'build-1', unsigned: undefined })
    const building = { wish: lost, stored: before }
    expect(told({ ...building, pods: [pod] }).steps).toEqual([`follow build-1 for ${built}`])
    const done = { ...building, pods: [{ ...pod, state: 'succeeded' as const }] }
    const knowsIt = told(done, knows(present(built, unsignedDigest)))
    expect(knowsIt.entry).toMatchObject({ unsigned: { image: built, digest: unsignedDigest } })
    expect(knowsIt.entry).not.toHaveProperty('digest')
    // A failed signing stays one.
    const signing = { wish: lost, pods: [failed], stored: stored({ phase: 'SignFailed' }) }
    expect(told(signing).entry).toMatchObject({ phase: 'SignFailed', unsigned: kept })
  })
  test('pods that sign what the Module names are made again three times at most, whoever looks', () => {
    const interruptions = [1, 2, 3, 4].map((attempt) => ({
      attempt,
      reason: 'Evicted',
      message: 'm',
      at: testRun.now,
    }))
    const held = { wish: signsOnly, stored: stored({ interruptions, attempt: 4, buildPod: undefined }) }
    const { steps, holds, entry } = told(held)
    expect([steps, holds]).toEqual([[], ['Evicted']])
    expect(entry?.interruptions).toHaveLength(4)
  })
  test('what was signed is kept in status, whatever is wanted under it', () => {
    const other = { ...wish, unsigned: { image: 'reg.example/fpga:kmm-unsigned-x', build: wish.build } }
    expect(told({ wish: other, stored: stored() }).entry).toMatchObject({ unsigned: kept })
    expect(told({ stored: stored() }, knows(absent(unsigned))).entry).not.toHaveProperty('unsigned')
    const plain = { kind: 'wanted', image, generation: null, build: wish.build } as const
    expect(told({ wish: plain, stored: stored() }).entry).not.toHaveProperty('unsigned')
  })
  test('another way to sign supersedes it, and builds nothing', () => {
    const before = signPod({ state: 'failed', inputHash: 'd'.repeat(40) })
    const changed = { pods: [before], stored: stored({ phase: 'SignFailed', inputHash: before.inputHash }) }
    expect(told(changed, knows(absent(image))).steps).toEqual(['remove sign-1 superseded'])
    expect(told({ ...changed, pods: [] }, knows(absent(image))).steps).toEqual([signIt])
  })
  test('a failed build before it is held as a build, and ends when somebody pushes what is wanted', () => {
    const pod = buildPod({ state: 'failed' })
    const { holds, entry, plan } = told({ pods: [pod] }, learnt(pod))
    expect(holds).toEqual(['BuildCommandFailed'])
    expect(entry).toMatchObject({ phase: 'BuildFailed', buildPod: 'build-1' })
    expect(plan.holds[0]?.look).toMatchObject({ image })
  })
})

test('whatever is held before it is signed, nobody looks what stands under its tag', () => {
  const pod = buildPod({ state: 'succeeded' })
  const arm = { ...present(unsigned, unsignedDigest), architectures: ['arm64'] }
  for (const { plan, holds } of [told({ pods: [pod] }, learnt(pod)), told({}, knows(absent(image), arm))]) {
    expect(holds).toHaveLength(1)
    expect(plan.holds[0]?.look).toMatchObject({ kind: 'image', image })
  }
})

describe('what status and the page of the run say', () => {
  test('each step has its phase and its pod', () => {
    const building = told({}, knows(absent(image), absent(unsigned)))
    expect(building.entry).toMatchObject({
      phase: 'Building',
      buildPod: 'fpga-build-bbbbbbbb-1',
      inputHash: builds,
    })
    const signing = told({}, knows(absent(image), present(unsigned, unsignedDigest)))
    const { entry, view, plan } = signing
    expect(entry).toMatchObject({
      phase: 'Signing',
      buildPod: 'fpga-sign-cccccccc-1',
      inputHash: signs,
      unsigned: kept,
    })
    expect(describeDetails(testRun, view, entry, plan)).toContain(
      '**Sign pod**: drivers/fpga-sign-cccccccc-1',
    )
    expect(describeDetails(testRun, view, entry, plan)).toContain(
      'sign pod drivers/fpga-sign-cccccccc-1, which is to',
    )
  })
  test('a cancelled signing stays so until a retry', () => {
    const { steps, plan, entry } = told({ stored: stored({ phase: 'Cancelled' }) }, knows(absent(image)))
    expect(steps).toEqual([])
    expect(plan.cancelled).toBeDefined()
    expect(entry).toMatchObject({ phase: 'Cancelled' })
  })
})

describe('images:MIC-10 Better: a rebuild builds and signs anew', () => {
  const from = { rebuildFrom: 2 }
  test.each<[string, Partial<KernelView>, KernelMemory, string[]]>([
    ['an unsigned image from before does not count', { stored: stored() }, fresh, [`build ${unsigned} 2`]],
    [
      'the one that it built is signed',
      { stored: stored() },
      knows(present(unsigned, unsignedDigest, from)),
      [signIt.replace(/1$/, '2')],
    ],
    [
      'and is known from status later',
      { stored: stored({ unsigned: { ...kept, rebuildFrom: 2 }, inputHash: builds, attempt: 2 }) },
      fresh,
      [signIt.replace(/1$/, '2')],
    ],
    [
      'one that the Module names is asked for anew',
      { wish: signsOnly, stored: stored() },
      fresh,
      [`check ${unsigned}`],
    ],
    [
      'and signed anew',
      { wish: signsOnly, stored: stored() },
      knows(present(unsigned, unsignedDigest)),
      [signIt.replace(/1$/, '2')],
    ],
  ])('%s', (_what, change, memory, steps) => {
    expect(told({ ...from, ...change }, memory).steps).toEqual(steps)
  })
})
