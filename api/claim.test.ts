import { describe, expect, test } from 'vitest'
import { canonicalImage, claimName, claimSeconds, claimStands, rivalOf, type Rival } from './claim.ts'
import type { PodFacts } from './facts.ts'
import { wantedImage } from './imageWish.ts'
import type { KernelStatus, Module } from './module.ts'
import { annotations, kernelRunId, labels } from './names.ts'
import { guardedModule, testBuildPod, testCluster, testKernel, testRef } from './testCluster.ts'

const image = 'reg.example/fpga:1'
const holder = kernelRunId('c', testRef, testKernel)

test.each([
  ['fpga:1', 'docker.io/library/fpga:1'],
  [image, image],
  ['no image at all', 'no image at all'],
])('%s is %s', (text, full) => {
  expect(canonicalImage(text)).toBe(full)
})

test('one reference has one name, however it is written, and fits a Lease', () => {
  expect(claimName('fpga:1')).toBe(claimName('docker.io/library/fpga:1'))
  expect(claimName('fpga:1')).not.toBe(claimName('fpga:2'))
  expect(claimName(`reg.example/${'a'.repeat(200)}:1`)).toMatch(/^kmm-image-[0-9a-f]{20}$/)
})

/** A build pod of the test Module for the image. */
function building(change: Partial<PodFacts> = {}): PodFacts {
  const pod = testBuildPod(change)
  return { ...pod, annotations: { [annotations.image]: image, ...pod.annotations } }
}
const well = { kind: 'succeeded', message: '', finishedAt: '2026-01-01T00:00:00Z' } as const
const ended = { kind: 'failed', message: '', finishedAt: '2026-01-01T00:00:00Z' } as const

describe('a claim stands', () => {
  const claim = { image, holder, inputHash: 'h1', mayPush: false, takenAt: 0 }
  const modules = [guardedModule()]
  const soon = 1_000
  const late = claimSeconds * 1000
  test.each<[string, boolean, Parameters<typeof testCluster>[0], number]>([
    ['for a while before there is a pod', true, { modules }, soon],
    ['no longer when that takes too long', false, { modules }, late],
    ['as long as the pod runs', true, { modules, pods: [building()] }, late],
    ['while the pod of a Module that is gone still runs', true, { pods: [building()] }, soon],
    [
      'not when the pod is lost with its node',
      false,
      { modules, pods: [building({ deleting: true, nodeName: 'lost' })] },
      late,
    ],
    ['not when the pod has ended', false, { modules, pods: [building({ state: ended })] }, late],
    [
      'not for the pod of another kernel',
      false,
      { modules, pods: [building({ annotations: { [annotations.kernel]: '5.10' } })] },
      late,
    ],
    [
      'not for the pod of another image',
      false,
      {
        modules,
        pods: [building({ annotations: { [annotations.kernel]: testKernel, [annotations.image]: 'b:1' } })],
      },
      late,
    ],
    ['not for a Module that is gone', false, {}, soon],
    [
      'not for a Module that is being deleted',
      false,
      { modules: [guardedModule({}, { deleting: true })] },
      soon,
    ],
  ])('%s: %s', (_name, stands, things, now) => {
    expect(claimStands(testCluster(things), claim, now)).toBe(stands)
  })
  test('not for a holder that is no kernel run', () => {
    const cluster = testCluster({ modules, pods: [building()] })
    expect(claimStands(cluster, { ...claim, holder: 'somebody' }, 0)).toBe(false)
  })
})

describe('rivals (images:MIC-2, BLD-S10)', () => {
  const other = { namespace: 'drivers', name: 'other' }
  const entry = (change: Partial<KernelStatus> = {}): KernelStatus => ({
    kernel: testKernel,
    phase: 'Building',
    image,
    ...change,
  })
  const sharing = (entries: readonly KernelStatus[], deleting = false): Module => {
    const module = guardedModule({}, { status: { kernels: [...entries] }, deleting })
    return { ...module, metadata: { ...module.metadata, ...other } }
  }
  const wanted = { ref: testRef, kernel: testKernel, image, inputHash: 'h1' }
  const digest = `sha256:${'1'.repeat(64)}`
  const pod = building({ labels: { ...testBuildPod().labels, [labels.inputHash]: 'h1' } })
  const cluster = (module: Module, pods: readonly PodFacts[] = []) => ({
    ...testCluster({ modules: [guardedModule(), module] }),
    pods: (ref: { name: string }) => (ref.name === module.metadata.name ? pods : []),
  })

  test.each<[string, Rival | undefined, Module, readonly PodFacts[]]>([
    ['nobody wants the image', undefined, sharing([entry({ image: 'reg.example/b:1' })]), []],
    ['another wants it and has not begun', undefined, sharing([entry()]), []],
    [
      'another builds it from the same inputs',
      { ref: other, kernel: testKernel, pod: pod.name, inputs: 'same' },
      sharing([entry()]),
      [pod],
    ],
    [
      'another builds it from other inputs',
      { ref: other, kernel: testKernel, pod: pod.name, inputs: 'other' },
      sharing([entry()]),
      [{ ...pod, labels: { ...pod.labels, [labels.inputHash]: 'h2' } }],
    ],
    ['its build has failed', undefined, sharing([entry({ inputHash: 'h2' })]), [{ ...pod, state: ended }]],
    [
      'another has built it from other inputs',
      { ref: other, kernel: testKernel, inputs: 'other' },
      sharing([entry({ inputHash: 'h2', digest })]),
      [],
    ],
    [
      'another has built it from other inputs a moment ago',
      { ref: other, kernel: testKernel, inputs: 'other' },
      sharing([entry()]),
      [{ ...pod, labels: { ...pod.labels, [labels.inputHash]: 'h2' }, state: well }],
    ],
    [
      'another has built it from the same inputs a moment ago',
      undefined,
      sharing([entry()]),
      [{ ...pod, state: well }],
    ],
    ['that Module leaves', undefined, sharing([entry({ inputHash: 'h2', digest })], true), []],
    [
      'another has built it from the same inputs',
      undefined,
      sharing([entry({ inputHash: 'h1', digest })]),
      [],
    ],
    ['another has found it', undefined, sharing([entry({ digest })]), []],
    [
      'another is about to sign it',
      { ref: other, kernel: testKernel, pod: 'sign-1', inputs: 'other' },
      sharing([entry({ phase: 'Signing', buildPod: 'sign-1', inputHash: 'h2' })]),
      [],
    ],
    [
      'another cannot sign it, for want of something',
      undefined,
      sharing([entry({ phase: 'Signing', reason: 'SecretMissing' })]),
      [],
    ],
  ])('%s', (_name, rival, module, pods) => {
    expect(rivalOf(cluster(module, pods), wanted)).toEqual(rival)
  })

  describe('of a Module in another namespace', () => {
    const elsewhere = { namespace: 'strangers', name: 'other' }
    const strange = (change: Partial<KernelStatus>): Module => {
      const module = sharing([entry({ inputHash: 'h2', ...change })])
      return { ...module, metadata: { ...module.metadata, ...elsewhere } }
    }
    const otherInputs = { ...pod, labels: { ...pod.labels, [labels.inputHash]: 'h2' } }
    const cases: readonly [string, Partial<KernelStatus>, readonly PodFacts[]][] = [
      ['a build from other inputs', {}, [otherInputs]],
      ['a build from the same inputs', { inputHash: 'h1' }, [pod]],
      ['a build that has just ended', {}, [{ ...otherInputs, state: well }]],
      ['a digest', { digest }, []],
      ['an image that is being signed', { phase: 'Signing', buildPod: 'sign-1' }, []],
    ]
    test.each(cases)('%s does not count before it has shown that it may push', (_name, change, pods) => {
      expect(rivalOf(cluster(strange(change), pods), wanted)).toBeUndefined()
    })
    test.each(cases)('%s counts once it has', (_name, change, pods) => {
      expect(rivalOf(cluster(strange({ ...change, mayPush: true }), pods), wanted)).toMatchObject({
        ref: elsewhere,
      })
    })
  })

  test('images:SGN-7 of two that sign one image, neither waits for the other before a pod does', () => {
    const own = guardedModule({}, { status: { kernels: [entry({ phase: 'Signing' })] } })
    const module = sharing([entry({ phase: 'Signing', buildPod: 'sign-1' })])
    expect(rivalOf(testCluster({ modules: [own, module] }), wanted)).toBeUndefined()
  })

  test('images:SGN-7 what is built to be signed counts until it is written down', () => {
    const sign = { keySecret: { name: 's' }, certSecret: { name: 's' }, filesToSign: ['/opt/lib/a.ko'] }
    const mapping = { containerImage: image, build: { dockerfileConfigMap: { name: 'd' } }, sign }
    const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile: 'FROM a' }]
    const seen = (state: PodFacts['state'], change: Partial<KernelStatus> = {}) => {
      const made = guardedModule({ mapping }, { status: { kernels: [entry(change)] } })
      const signing = { ...made, metadata: { ...made.metadata, ...other } }
      const things = testCluster({ modules: [guardedModule({ mapping }), signing], configMaps })
      const { wish } = wantedImage(things, testRef, testKernel)
      if (wish.kind !== 'wanted' || wish.build.kind !== 'ready') throw new Error(wish.kind)
      const unsigned = wish.unsigned?.image ?? ''
      const its = { [annotations.kernel]: testKernel, [annotations.image]: unsigned }
      const pods = [testBuildPod({ name: 'b-1', annotations: its, state })]
      const cluster = { ...things, pods: (ref: { name: string }) => (ref.name === other.name ? pods : []) }
      return rivalOf(cluster, { ref: testRef, kernel: testKernel, image, inputHash: wish.build.inputHash })
    }
    const rival = { ref: other, kernel: testKernel, pod: 'b-1', inputs: 'same' }
    expect(seen({ kind: 'running' })).toEqual(rival)
    expect(seen(well)).toEqual(rival)
  })

  test('another kernel of the same Module is one, the kernel itself is not', () => {
    const entries = [entry({ inputHash: 'h2', digest }), entry({ kernel: '5.10', inputHash: 'h3', digest })]
    const module = guardedModule({}, { status: { kernels: entries } })
    const rival = { ref: testRef, kernel: '5.10', inputs: 'other' }
    expect(rivalOf(testCluster({ modules: [module] }), wanted)).toEqual(rival)
  })

  describe('what another wants now counts, once both have the same Dockerfile again', () => {
    const build = { dockerfileConfigMap: { name: 'd' } }
    const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile: 'FROM new' }]
    const module = (name: string, its: object = build): Module => {
      const status = { kernels: [entry({ inputHash: 'before', digest })] }
      const made = guardedModule({ mapping: { containerImage: image, build: its } }, { status })
      return { ...made, metadata: { ...made.metadata, name } }
    }
    const own = module(testRef.name)
    const seen = (twin: Module, pods: readonly PodFacts[] = [], maps = configMaps) => {
      const things = testCluster({ modules: [own, twin], configMaps })
      const { wish } = wantedImage(things, testRef, testKernel)
      if (wish.kind !== 'wanted' || wish.build.kind !== 'ready') throw new Error(wish.kind)
      const { inputHash } = wish.build
      const later = {
        ...things,
        configMap: (namespace: string, name: string) =>
          maps.find((map) => map.namespace === namespace && map.name === name),
        pods: (ref: { name: string }) => (ref.name === twin.metadata.name ? pods : []),
      }
      return rivalOf(later, { ref: testRef, kernel: testKernel, image, inputHash })
    }
    const before = { ...pod, labels: { ...pod.labels, [labels.inputHash]: 'before' } }
    const twin = module(other.name)
    const changed = module(other.name, { ...build, buildArgs: [{ name: 'A', value: 'b' }] })
    test.each<[string, Rival | undefined, Rival | undefined]>([
      ['it has built from what was', undefined, seen(twin)],
      ['it has done so a moment ago', undefined, seen(twin, [{ ...before, state: well }])],
      [
        'its build from what was goes at once',
        { ref: other, kernel: testKernel, pod: pod.name, inputs: 'same' },
        seen(twin, [before]),
      ],
      [
        'it wants something else, and has built that',
        { ref: other, kernel: testKernel, inputs: 'other' },
        seen(changed),
      ],
      [
        'what it wants cannot be told: what it has built',
        { ref: other, kernel: testKernel, inputs: 'other' },
        seen(twin, [], []),
      ],
    ])('%s', (_name, rival, found) => {
      expect(found).toEqual(rival)
    })
  })
})
