import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Condition, KernelStatus, Module } from './module.ts'
import { labels } from './names.ts'
import {
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
  type TestCluster,
} from './testCluster.ts'
import { withCleanText } from './text/cleanText.ts'
import { hostileText } from './text/testing/hostileText.ts'
import { isOutdated, remainsOf, summarizeModule, viewModule } from './viewModule.ts'

const now = '2026-02-02T00:00:00Z'
const before = '2026-01-01T00:00:00Z'
const v1 = testConfig()
const v2 = testConfig({ containerImage: 'reg.example/fpga:2' })
const loadedEntry: KernelStatus = {
  kernel: testKernel,
  phase: 'Loaded',
  digest: 'sha256:1',
  nodes: { targets: 1, loaded: 1, failed: 0, waiting: 0 },
}
const other = '5.10.0'
const otherNode = testNode({ name: 'n2', uid: 'node-2', kernel: other })
const unmapped: KernelStatus = { kernel: other, phase: 'NoNodes', reason: 'NoMapping', message: 'no mapping' }

describe('counters', () => {
  const counters = (things: TestCluster, module = guardedModule()) =>
    Object.values(summarizeModule(testCluster(things), module, now).moduleLoader)
  const tainted = testNode({ name: 'n3', uid: 'node-3', taints: [{ key: 'x', effect: 'NoSchedule' }] })
  const loaded = { config: v1, bootId: 'b1' }

  test('images:STS-1 nodes that are selected and tolerated, also without a mapping', () => {
    expect(counters({ nodes: [testNode(), otherNode, tainted] })).toEqual([2, 0, 0])
    const selecting = guardedModule({ spec: { selector: { gpu: 'yes' } } })
    expect(
      counters({ nodes: [testNode(), testNode({ name: 'n4', labels: { gpu: 'yes' } })] }, selecting),
    ).toEqual([1, 0, 0])
  })
  test('images:STS-2 nodes whose record wishes for it', () => {
    const records = [testRecord(v1, undefined), testRecord(undefined, loaded, { node: 'n2' })]
    expect(counters({ records })).toEqual([1, 1, 0])
  })
  test.each<[string, Parameters<typeof testRecord>[1], number]>([
    ['the same config in this boot', loaded, 1],
    ['another config', { ...loaded, config: v2 }, 0],
    ['another boot', { ...loaded, bootId: 'b0' }, 0],
    ['only a failure', {}, 0],
  ])('images:STS-3 nodes that have it: %s', (_name, fact, available) => {
    expect(counters({ records: [testRecord(v1, fact)] })).toEqual([1, 1, available])
  })
  test('a record whose node is gone is not available', () => {
    expect(counters({ nodes: [], records: [testRecord(v1, loaded)] })).toEqual([0, 1, 0])
  })
  test('records of other Modules do not count', () => {
    const ref = { namespace: 'other', name: 'fpga' }
    expect(counters({ records: [testRecord(v1, loaded, { ref })] })).toEqual([1, 0, 0])
  })
  test('images:STS-5 zero without moduleLoader', () => {
    expect(counters({}, guardedModule({ spec: { moduleLoader: undefined } }))).toEqual([0, 0, 0])
  })
})

describe('conditions', () => {
  const reasons = (kernels: KernelStatus[], things: TestCluster = {}, module?: Module) => {
    const subject = { ...(module ?? guardedModule()), status: { kernels } }
    const { conditions } = summarizeModule(testCluster({ modules: [subject], ...things }), subject, now)
    return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))
  }
  const entry = (phase: KernelStatus['phase'], change: Partial<KernelStatus> = {}): KernelStatus => ({
    ...loadedEntry,
    phase,
    ...change,
  })
  const both = { nodes: [testNode(), otherNode] }
  test.each<[string, KernelStatus[], TestCluster, [string, string, string, string]]>([
    ['nothing looked at', [], {}, ['False Pending', 'False Pending', 'True Pending', 'False AsExpected']],
    ['no node', [], { nodes: [] }, ['False NoNodes', 'False NoNodes', 'False AtRest', 'False AsExpected']],
    ['loaded', [loadedEntry], {}, ['True Loaded', 'True Verified', 'False AtRest', 'False AsExpected']],
    [
      'loaded, and a node of a kernel nobody has looked at',
      [loadedEntry],
      both,
      ['False Pending', 'False Pending', 'True Pending', 'False AsExpected'],
    ],
    [
      'two kernels, one building',
      [loadedEntry, { kernel: other, phase: 'Building' }],
      both,
      ['False Building', 'False Building', 'True Building', 'False AsExpected'],
    ],
    [
      'two kernels, one failed',
      [loadedEntry, { kernel: other, phase: 'BuildFailed', reason: 'OutOfMemory' }],
      both,
      ['False OutOfMemory', 'False OutOfMemory', 'False AtRest', 'True OutOfMemory'],
    ],
    [
      'two kernels, one without a mapping',
      [loadedEntry, unmapped],
      both,
      ['True Loaded', 'True Verified', 'False AtRest', 'False AsExpected'],
    ],
    [
      'no kernel with a mapping is not ready',
      [unmapped],
      { nodes: [otherNode] },
      ['False NoMapping', 'False NoMapping', 'False AtRest', 'False AsExpected'],
    ],
    [
      'loading failed: the image is there',
      [entry('LoadFailed', { reason: 'KeyRejected' })],
      {},
      ['False KeyRejected', 'True Verified', 'False AtRest', 'True KeyRejected'],
    ],
    [
      'waiting says why',
      [{ kernel: testKernel, phase: 'CheckingImage', reason: 'RegistryUnreachable' }],
      {},
      [
        'False RegistryUnreachable',
        'False RegistryUnreachable',
        'True RegistryUnreachable',
        'False AsExpected',
      ],
    ],
    [
      'a kernel being unloaded needs no image',
      [loadedEntry, { kernel: other, phase: 'Unloading' }],
      {},
      ['False Unloading', 'True Verified', 'True Unloading', 'False AsExpected'],
    ],
  ])('%s', (_name, kernels, things, [Ready, ImagesReady, Progressing, Degraded]) => {
    expect(reasons(kernels, things)).toEqual({ Ready, ImagesReady, Progressing, Degraded })
  })

  test('images:KMI-7 Better: an image built on another distribution is a warning, and the Module is ready', () => {
    const builtOn = { node: 'builder', osImage: 'Debian GNU/Linux 12 (bookworm)' }
    const nodes = [testNode({ osImage: 'Ubuntu 24.04 LTS' })]
    expect(reasons([{ ...loadedEntry, builtOn }], { nodes })).toMatchObject({
      BuildNodeDiffers: 'True DistributionDiffers',
      Ready: 'True Loaded',
      Degraded: 'False AsExpected',
    })
  })
  test('images:MIC-11 Better: an image built from other inputs is a warning, and the Module is ready', () => {
    const build = { dockerfileConfigMap: { name: 'd' } }
    const image = `reg.example/fpga:${testKernel}`
    const configMaps = [{ namespace: 'drivers', name: 'd', dockerfile: 'FROM x' }]
    const kernels = [{ ...loadedEntry, image, digest: 'sha256:1', sourceHash: 'other' }]
    expect(reasons(kernels, { configMaps }, guardedModule({ mapping: { build } }))).toMatchObject({
      ImageOutdated: 'True InputsDiffer',
      Ready: 'True Loaded',
    })
  })
  test('a tag that two kernels found at different digests is a warning, and the Module is ready', () => {
    const image = 'reg.example/fpga:1'
    const kernels = [
      { ...loadedEntry, image, digest: 'sha256:1' },
      { ...loadedEntry, image, digest: 'sha256:2', kernel: other },
    ]
    expect(reasons(kernels)).toMatchObject({ TagMoved: 'True DigestsDiffer', Ready: 'True Loaded' })
  })
  test('a Module being deleted is not ready', () => {
    expect(reasons([loadedEntry], {}, guardedModule({}, { deleting: true }))).toMatchObject({
      Ready: 'False Deleting',
    })
  })
  test('nor is one without moduleLoader', () => {
    const module = guardedModule({ spec: { moduleLoader: undefined } })
    expect(reasons([], {}, module)).toMatchObject({
      Ready: 'False NoModuleLoader',
      Progressing: 'False AtRest',
    })
  })

  const messageOf = (kernels: KernelStatus[], type: string) => {
    const subject = guardedModule({}, { status: { kernels } })
    return summarizeModule(testCluster(), subject, now).conditions.find((c) => c.type === type)?.message
  }
  test('messages name kernel, pod and numbers', () => {
    expect(messageOf([loadedEntry], 'Ready')).toBe('Loaded on 1 of 1 nodes.')
    expect(messageOf([entry('Building', { image: 'i', buildPod: 'p' })], 'Ready')).toBe(
      `Kernel ${testKernel}: building i in pod p.`,
    )
    expect(messageOf([entry('CheckingImage', { image: 'i' })], 'Ready')).toContain('looking for image i')
    expect(messageOf([entry('Loading')], 'Ready')).toContain('1 of 1 nodes loaded')
    expect(messageOf([entry('BuildFailed', { reason: 'X', message: 'mend it' })], 'Degraded')).toBe(
      `Kernel ${testKernel}: mend it`,
    )
  })
  test('a message fits what the API server takes', () => {
    expect(
      messageOf([entry('BuildFailed', { message: 'x'.repeat(40_000) })], 'Degraded')?.length,
    ).toBeLessThan(32_768)
  })
})

describe('transition times and writes', () => {
  const withConditions = (conditions: Condition[], moduleLoader = {}) =>
    guardedModule({}, { status: { kernels: [loadedEntry], conditions, moduleLoader } })
  const summary = (module: Module) => summarizeModule(testCluster(), module, now)
  const readyOf = (module: Module) => summary(module).conditions.find((c) => c.type === 'Ready')
  const old = (change: Partial<Condition>): Condition => ({
    type: 'Ready',
    status: 'True',
    reason: 'Old',
    message: '',
    lastTransitionTime: before,
    ...change,
  })

  test('the time changes only with the status', () => {
    expect(readyOf(withConditions([old({})]))).toMatchObject({ lastTransitionTime: before, reason: 'Loaded' })
    expect(readyOf(withConditions([old({ status: 'False' })]))).toMatchObject({ lastTransitionTime: now })
    expect(readyOf(withConditions([]))).toMatchObject({ lastTransitionTime: now, observedGeneration: 3 })
  })

  const stored = (change: (conditions: Condition[]) => Condition[], counters: object = {}) => {
    const { conditions, moduleLoader } = summary(withConditions([]))
    return withConditions(change([...conditions]), { ...moduleLoader, ...counters })
  }
  const first = (change: Partial<Condition>) => (conditions: Condition[]) =>
    conditions.map((c, i) => (i === 0 ? { ...c, ...change } : c))
  test.each<[string, Module, boolean]>([
    ['nothing changed', stored((c) => c), false],
    ['another time is no change', stored(first({ lastTransitionTime: before })), false],
    ['a foreign condition is no change', stored((c) => [...c, old({ type: 'Foreign' })]), false],
    ['a missing condition', stored((c) => c.slice(1)), true],
    ['a warning that is over', stored((c) => [...c, old({ type: 'BuildNodeDiffers' })]), true],
    ['another warning that is over', stored((c) => [...c, old({ type: 'TagMoved' })]), true],
    ['another status', stored(first({ status: 'Unknown' })), true],
    ['another reason', stored(first({ reason: 'Other' })), true],
    ['another message', stored(first({ message: 'other' })), true],
    ['another generation', stored(first({ observedGeneration: 2 })), true],
    ['another counter', stored((c) => c, { availableNumber: 7 }), true],
  ])('is the stored status outdated: %s', (_name, module, expected) => {
    expect(isOutdated(module, summary(module))).toBe(expected)
  })
})

describe('what keeps a Module that is being deleted', () => {
  test('records and pods, in words', () => {
    const worker = testBuildPod({ name: 'w', labels: { [labels.workerAction]: 'Unload' } })
    const things = { records: [testRecord(undefined, {})], pods: [testBuildPod(), worker] }
    expect(remainsOf(testCluster(things), testRef)).toEqual([
      'node n1: the module is not unloaded yet',
      'build pod fpga-build-1 is still there',
      'worker pod w is still there',
    ])
  })
  test('a build pod on a node that does not answer, with what a person can do', () => {
    const nodes = [testNode({ ready: false })]
    const pods = [testBuildPod({ deleting: true, nodeName: 'n1', state: { kind: 'running' } })]
    expect(remainsOf(testCluster({ nodes, pods }), testRef)).toEqual([
      expect.stringMatching(
        /^build pod fpga-build-1 is still there, on node n1, which is not Ready; annotate the Module with .*force-finalize/,
      ),
    ])
  })
  test('nothing', () => {
    const ref = { namespace: 'other', name: 'fpga' }
    expect(remainsOf(testCluster({ records: [testRecord(v1, {}, { ref })] }), testRef)).toEqual([])
  })
  test('a node that is away, with what a person can do', () => {
    const things = { nodes: [testNode({ ready: false })], records: [testRecord(v1, {})] }
    const [line] = remainsOf(testCluster(things), testRef)
    expect(line).toContain('node n1: it is not Ready')
    expect(line).toContain('kmm.sigs.x-k8s.io/force-finalize=<reason>')
  })
  test('not a node that was given up in this boot', () => {
    const failure = {
      action: 'Unload',
      configHash: 'c',
      reason: 'LeftLoaded',
      message: 'm',
      attempts: 1,
    } as const
    const given = (bootId: string) =>
      testRecord(undefined, { config: v1, bootId, failure: { ...failure, bootId, at: now } })
    expect(remainsOf(testCluster({ records: [given('b1')] }), testRef)).toEqual([])
    expect(remainsOf(testCluster({ records: [given('b0')] }), testRef)).toHaveLength(1)
  })
  test('a long list is cut', () => {
    const records = Array.from({ length: 30 }, (_, i) => testRecord(v1, {}, { node: `n${i}` }))
    expect(remainsOf(testCluster({ records }), testRef)).toHaveLength(20)
  })
})

describe('viewModule', () => {
  const seen = (things: TestCluster) => viewModule(testCluster(things), testRef, now).view
  test('a Module that is gone', () => {
    expect(seen({})).toEqual({ module: 'gone', remains: [], outdated: false, summary: 'gone' })
  })
  test('what remains is told only while it is deleted', () => {
    const records = [testRecord(v1, undefined)]
    expect(seen({ modules: [guardedModule()], records }).remains).toEqual([])
    const deleting = guardedModule({}, { deleting: true })
    expect(seen({ modules: [deleting], records })).toMatchObject({
      module: 'deleting',
      remains: [expect.stringContaining('n1')],
    })
  })
  test('the summary is the reason of Ready', () => {
    const image = `reg.example/fpga:${testKernel}`
    const kernels = [{ ...loadedEntry, image, digest: `sha256:${'1'.repeat(64)}` }]
    const modules = [guardedModule({}, { status: { kernels } })]
    const summaryOf = (fact: Parameters<typeof testRecord>[1]) =>
      seen({ modules, records: [testRecord(v1, fact)] })
    expect(summaryOf({ config: v1, bootId: 'b1' })).toMatchObject({
      module: 'alive',
      outdated: true,
      summary: 'Loaded: Loaded on 1 of 1 nodes.',
    })
    // The kernel's run has not looked yet.
    expect(summaryOf({ config: v2, bootId: 'b1' }).summary).toMatch(/^Loading: .* 0 of 1 nodes loaded\.$/)
  })
})

test('conditions are what status stores: a Module with text that no status takes is not written again and again', () => {
  fc.assert(
    fc.property(hostileText, (text) => {
      const mapping = { containerImage: `reg.example/${text}` }
      const kernels: KernelStatus[] = [
        { kernel: testKernel, phase: 'BuildFailed', reason: 'CompileFailed', message: text },
      ]
      const at = '2026-01-01T00:00:00Z'
      const look = (module: Module) => viewModule(testCluster({ modules: [module] }), testRef, at)
      const { summary } = look(guardedModule({ mapping }, { status: { kernels } }))
      const stored = withCleanText({ ...summary, conditions: [...(summary?.conditions ?? [])], kernels })
      expect(JSON.stringify(summary)).toBe(JSON.stringify(withCleanText(summary)))
      expect(look(guardedModule({ mapping }, { status: stored })).view.outdated).toBe(false)
    }),
  )
})
