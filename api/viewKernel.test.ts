import { describe, expect, test } from 'vitest'
import type { NodeFacts, PodFacts } from './facts.ts'
import { annotations, labels, readyLabel, moduleFinalizer, workerPodName } from './names.ts'
import {
  cordoned,
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testNode,
  testRecord,
  testRef,
  unreadableModule,
  type TestCluster,
} from './testCluster.ts'
import { kernelsOf, lifeOf, recordOf, viewKernel } from './viewKernel.ts'

const image = `reg.example/fpga:${testKernel}`
const digest = `sha256:${'1'.repeat(64)}`
const dockerfile = { namespace: 'drivers', name: 'df', dockerfile: 'FROM scratch' }
const building = { mapping: { build: { dockerfileConfigMap: { name: 'df' } } } }
const entry = { kernel: testKernel, phase: 'Loaded', image, digest } as const

const view = (things: TestCluster, kernel = testKernel, gcDelayMs = 0) =>
  viewKernel(testCluster({ modules: [guardedModule()], ...things }), testRef, kernel, {
    gcDelayMs,
    maxParallel: 200,
  })

test('a digest in status that is none is not believed', () => {
  const digestOf = (stored: string) =>
    view({ modules: [guardedModule({}, { status: { kernels: [{ ...entry, digest: stored }] } })] }).view
      .digest
  expect(digestOf(digest)).toBe(digest)
  expect(digestOf('latest')).toBeUndefined()
})

describe('kernelsOf', () => {
  const selecting = guardedModule({ spec: { selector: { gpu: 'yes' } } })
  const two = [testNode(), testNode({ name: 'n2', uid: 'node-2', kernel: '5.10.0' })]
  test.each<[string, TestCluster, string[]]>([
    [
      'of target nodes, sorted, each once',
      { modules: [guardedModule()], nodes: [...two, testNode()] },
      ['5.10.0', testKernel],
    ],
    ['not of nodes that are not selected', { modules: [selecting], nodes: two }, []],
    [
      'of tainted nodes',
      { modules: [guardedModule()], nodes: [testNode({ taints: [{ key: 'x', effect: 'NoSchedule' }] })] },
      [testKernel],
    ],
    [
      'of nodes with a record of it',
      { nodes: two, records: [testRecord(testConfig(), undefined)] },
      [testKernel],
    ],
    ['of its build pods', { nodes: [], pods: [testBuildPod()] }, [testKernel]],
    [
      'not of its worker pods',
      { nodes: [], pods: [testBuildPod({ labels: { [labels.workerAction]: 'Load' } })] },
      [],
    ],
    [
      'of its status',
      { nodes: [], modules: [guardedModule({}, { status: { kernels: [entry] } })] },
      [testKernel],
    ],
    [
      'a node that has no kernel yet does not count',
      { modules: [guardedModule()], nodes: [testNode({ kernel: '' })] },
      [],
    ],
  ])('%s', (_name, things, expected) => {
    expect(kernelsOf(testCluster(things), testRef)).toEqual(expected)
  })
})

describe('lifeOf', () => {
  const unguarded = { ...guardedModule(), metadata: { ...guardedModule().metadata, finalizers: ['other'] } }
  test.each<[string, TestCluster]>([
    ['alive', { modules: [guardedModule()] }],
    ['unguarded', { modules: [unguarded] }],
    ['deleting', { modules: [guardedModule({}, { deleting: true })] }],
    ['gone', {}],
    ['unreadable', { unreadable: [unreadableModule()] }],
    ['deleting', { unreadable: [unreadableModule({ deleting: true })] }],
  ])('%s', (expected, things) => {
    expect(lifeOf(testCluster(things), testRef)).toBe(expected)
  })

  test('the finalizer is ours among others', () => {
    const module = guardedModule()
    const both = { ...module, metadata: { ...module.metadata, finalizers: ['other', moduleFinalizer] } }
    expect(lifeOf(testCluster({ modules: [both] }), testRef)).toBe('alive')
  })
})

test('a Module that cannot be read unloads nothing', () => {
  const records = [testRecord(testConfig(), { config: testConfig(), bootId: testNode().bootId })]
  const things = { unreadable: [unreadableModule()], nodes: [testNode()], records }
  const { view } = viewKernel(testCluster(things), testRef, testKernel, { gcDelayMs: 0, maxParallel: 200 })
  expect(view.nodes.work).toEqual([])
  const gone = viewKernel(testCluster({ ...things, unreadable: [] }), testRef, testKernel, {
    gcDelayMs: 0,
    maxParallel: 200,
  })
  expect(gone.view.nodes.work).toMatchObject([{ action: 'Unload' }])
})

test('a Module that cannot be read is unloaded when it is deleted, under its own uid and status', () => {
  const records = [testRecord(testConfig(), { config: testConfig(), bootId: testNode().bootId })]
  const stored = { kernel: testKernel, phase: 'Loaded' as const }
  const module = unreadableModule({ deleting: true, status: { kernels: [stored] } })
  const cluster = testCluster({ unreadable: [module], nodes: [testNode()], records })
  const { view, facts } = viewKernel(cluster, testRef, testKernel, { gcDelayMs: 0, maxParallel: 200 })
  expect(view).toMatchObject({
    module: 'deleting',
    wish: { kind: 'none', why: 'ModuleDeleted' },
    nodes: { work: [{ action: 'Unload' }] },
    stored,
  })
  expect(facts.uid).toBe(module.metadata.uid)
  expect(kernelsOf(cluster, testRef)).toEqual([testKernel])
})

test('recordOf: a wish or a fact is enough, and only of this Module', () => {
  expect(recordOf(testRecord(testConfig(), undefined), testRef)).toBe(true)
  expect(recordOf(testRecord(undefined, {}), testRef)).toBe(true)
  expect(recordOf(testRecord(undefined, undefined), testRef)).toBe(false)
  expect(recordOf(undefined, testRef)).toBe(false)
  const other = { namespace: 'other', name: 'fpga' }
  expect(recordOf(testRecord(testConfig(), {}, { ref: other }), testRef)).toBe(false)
})

describe('what image is wanted', () => {
  test.each<[string, TestCluster, object]>([
    ['none without a Module', { modules: [] }, { kind: 'none', why: 'ModuleGone' }],
    [
      'none while it is deleted',
      { modules: [guardedModule({}, { deleting: true })] },
      { kind: 'none', why: 'ModuleDeleted' },
    ],
    [
      'none without moduleLoader',
      { modules: [guardedModule({ spec: { moduleLoader: undefined } })] },
      { kind: 'none', why: 'NoModuleLoader' },
    ],
    ['none without nodes', { nodes: [] }, { kind: 'none', why: 'NoNodes' }],
    [
      'none for nodes of another kernel',
      { nodes: [testNode({ kernel: '5.10.0' })] },
      { kind: 'none', why: 'NoNodes' },
    ],
    [
      'none for tainted nodes',
      { nodes: [testNode({ taints: [{ key: 'x', effect: 'NoSchedule' }] })] },
      { kind: 'none', why: 'NoNodes' },
    ],
    [
      'still the same for a node that is cordoned or reboots: its build goes on',
      { nodes: [testNode({ taints: [cordoned], ready: false })] },
      { kind: 'wanted', image },
    ],
    [
      'none without a mapping',
      { modules: [guardedModule({ mapping: { regexp: undefined, literal: '5.10.0' } })] },
      { kind: 'none', why: 'NoMapping' },
    ],
    [
      'none that can be used',
      { modules: [guardedModule({ mapping: { containerImage: 'reg.example/fpga:$NOPE' } })] },
      { kind: 'invalid', reason: 'TemplateInvalid' },
    ],
    ['an image without build', {}, { kind: 'wanted', image, generation: null, build: { kind: 'none' } }],
    [
      'an image of a generation',
      { modules: [guardedModule({ spec: { imageRebuildTriggerGeneration: 4 } })] },
      { kind: 'wanted', generation: 4 },
    ],
    [
      'no Dockerfile ConfigMap',
      { modules: [guardedModule(building)] },
      { build: { kind: 'invalid', reason: 'DockerfileConfigMapMissing' } },
    ],
    [
      'nor one of another namespace',
      { modules: [guardedModule(building)], configMaps: [{ ...dockerfile, namespace: 'other' }] },
      { build: { kind: 'invalid', reason: 'DockerfileConfigMapMissing' } },
    ],
    [
      'a ConfigMap without the key',
      { modules: [guardedModule(building)], configMaps: [{ namespace: 'drivers', name: 'df' }] },
      { build: { kind: 'invalid', reason: 'DockerfileKeyMissing' } },
    ],
    [
      'two architectures',
      {
        modules: [guardedModule(building)],
        configMaps: [dockerfile],
        nodes: [testNode(), testNode({ name: 'n2', uid: 'node-2', architecture: 'arm64' })],
      },
      {
        build: {
          kind: 'invalid',
          reason: 'MixedArchitectures',
          message: expect.stringContaining('amd64, arm64'),
        },
      },
    ],
    [
      'a build',
      { modules: [guardedModule(building)], configMaps: [dockerfile] },
      { build: { kind: 'ready', inputHash: expect.stringMatching(/^[0-9a-f]{40}$/) } },
    ],
  ])('%s', (_name, things, wish) => {
    expect(view(things).view.wish).toMatchObject(wish)
  })
})

describe('the digest in status', () => {
  const stored = (change: object, spec: Readonly<Record<string, unknown>> = {}) =>
    view({ modules: [guardedModule({ spec }, { status: { kernels: [{ ...entry, ...change }] } })] }).view
  test('counts for its image', () => {
    expect(stored({}).digest).toBe(digest)
    expect(stored({ image: 'reg.example/fpga:other' }).digest).toBeUndefined()
  })
  test('and for its generation', () => {
    expect(stored({}, { imageRebuildTriggerGeneration: 2 }).digest).toBeUndefined()
    expect(stored({ imageGeneration: 1 }, { imageRebuildTriggerGeneration: 2 }).digest).toBeUndefined()
    expect(stored({ imageGeneration: 2 }, { imageRebuildTriggerGeneration: 2 }).digest).toBe(digest)
    expect(stored({ imageGeneration: 2 }).digest).toBeUndefined()
  })
  test('and for the architectures of all nodes', () => {
    const nodes = [testNode(), testNode({ name: 'n2', uid: 'node-2', architecture: 'arm64' })]
    const seen = (architectures: string[], of = nodes) => {
      const status = { kernels: [{ ...entry, architectures }] }
      return view({ modules: [guardedModule({}, { status })], nodes: of }).view
    }
    expect(seen(['amd64', 'arm64'])).toMatchObject({ digest, architectures: ['amd64', 'arm64'] })
    expect(seen(['amd64']).digest).toBeUndefined()
    expect(seen([]).digest).toBeUndefined()
    expect(seen(['amd64'], [testNode()]).digest).toBe(digest)
    expect(seen(['arm64'], [testNode()]).digest).toBeUndefined()
  })
  test('of another kernel is not ours', () => {
    const status = { kernels: [{ ...entry, kernel: '5.10.0' }] }
    expect(view({ modules: [guardedModule({}, { status })] }).view).not.toHaveProperty('stored')
  })
})

describe('a Module whose end a person forces', () => {
  const config = testConfig()
  const work = (nodes: NodeFacts[], reason: string, pods: PodFacts[] = [], deleting = true) => {
    const module = guardedModule({}, { deleting })
    const metadata = { ...module.metadata, annotations: { [annotations.forceFinalize]: reason } }
    const records = [testRecord(config, { config, bootId: 'b1' })]
    const seen = view({ modules: [{ ...module, metadata }], nodes, records, pods }).view
    return seen.nodes.work.map(({ action }) => action)
  }
  const away = [testNode({ ready: false, labels: { [readyLabel(testRef)]: '' } })]
  const waiting = testBuildPod({
    name: workerPodName(testNode().uid, testRef),
    nodeName: testNode().name,
    labels: { [labels.workerAction]: 'Unload' },
    state: { kind: 'pending', reason: 'ImagePullBackOff' },
  })
  test('gives up nodes that are away', () => {
    expect(work(away, 'the rack burnt down')).toEqual(['Leave'])
  })
  test('and nodes whose worker pod cannot start, but no others', () => {
    expect(work([testNode()], 'no image', [waiting])).toEqual(['Leave'])
    expect(work([testNode()], 'no image')).toEqual(['Unload'])
  })
  test('not without a reason, and not before it is deleted', () => {
    expect(work(away, '')).toEqual([])
    expect(work(away, 'too early', [], false)).toEqual([])
  })
})

describe('what nodes shall load', () => {
  const status = { kernels: [entry] }
  const wanted = (overrides: Parameters<typeof guardedModule>[0], nodes = [testNode()]) => {
    const { facts } = view({ modules: [guardedModule(overrides, { status })], nodes })
    const plan = facts.plans.get('n1')?.plan
    return plan?.kind === 'work' ? plan.entry.config : undefined
  }
  test('the digest that was verified, with the settings of the mapping', () => {
    expect(wanted({})).toEqual({
      kernelVersion: testKernel,
      containerImage: `${image}@${digest}`,
      insecurePull: false,
      modprobe: expect.objectContaining({ moduleName: 'fpga' }),
    })
    const overrides = { container: { imagePullPolicy: 'Always', inTreeModulesToRemove: ['old'] } }
    expect(wanted(overrides)).toMatchObject({ imagePullPolicy: 'Always', inTreeModulesToRemove: ['old'] })
  })
  test.each(['insecure', 'insecureSkipTLSVerify'])('%s is an insecure pull', (option) => {
    expect(wanted({ mapping: { registryTLS: { [option]: true } } })).toMatchObject({ insecurePull: true })
  })
  test('nodes of other kernels have no plan here', () => {
    const nodes = [testNode(), testNode({ name: 'n2', uid: 'node-2', kernel: '5.10.0' })]
    const { facts, view: seen } = view({ modules: [guardedModule({}, { status })], nodes })
    expect([...facts.plans.keys()]).toEqual(['n1'])
    expect(seen.nodes.counts.targets).toBe(1)
  })
  test('a cordoned node is no target, and what it has loaded is not counted', () => {
    const nodes = [testNode(), testNode({ name: 'n2', uid: 'node-2', taints: [cordoned] })]
    const config = testConfig({ containerImage: `${image}@${digest}` })
    const loaded = { config, bootId: 'b1' }
    const records = ['n1', 'n2'].map((node) => testRecord(config, loaded, { node }))
    const { counts } = view({ modules: [guardedModule({}, { status })], nodes, records }).view.nodes
    expect(counts).toEqual({ targets: 1, loaded: 1, failed: 0, waiting: 0, unreachable: 0 })
  })
})

describe('build pods', () => {
  const finishedAt = '2026-01-01T00:00:00Z'
  const announced = { kernel: testKernel, phase: 'Building', inputHash: 'h1', attempt: 2 } as const
  const announcing = guardedModule({}, { status: { kernels: [announced] } })
  const evicted = {
    state: { kind: 'failed', message: '', finishedAt },
    interruption: { reason: 'Evicted', message: 'm' },
  } as const
  const pods = (change: Parameters<typeof testBuildPod>[0], gcDelayMs = 0) =>
    view({ modules: [announcing], pods: [testBuildPod(change)] }, testKernel, gcDelayMs).view.pods
  test.each<[string, Parameters<typeof testBuildPod>[0], object]>([
    ['running', {}, { state: 'active', name: 'fpga-build-1', uid: 'pod-1', inputHash: 'h1', attempt: 2 }],
    ['pending', { state: { kind: 'pending' } }, { state: 'active' }],
    ['failed', { state: { kind: 'failed', message: '', finishedAt } }, { state: 'failed' }],
    [
      'of an attempt before the last',
      { labels: { [labels.inputHash]: 'h1', [labels.attempt]: '1' } },
      { inputHash: 'h1', attempt: 1 },
    ],
    ['without attempt: of no inputs', { labels: { [labels.inputHash]: 'h1' } }, { inputHash: '' }],
    [
      'of an attempt that status did not announce: of no inputs',
      { labels: { [labels.inputHash]: 'h1', [labels.attempt]: '3' } },
      { inputHash: '' },
    ],
    [
      'of inputs that status did not announce: of none',
      { labels: { [labels.inputHash]: 'h2', [labels.attempt]: '1' } },
      { inputHash: '' },
    ],
  ])('%s', (_name, change, expected) => {
    expect(pods(change)).toMatchObject([expected])
  })
  test.each<[string, Parameters<typeof testBuildPod>[0], readonly NodeFacts[], string]>([
    ['deleted, its node answers', { deleting: true }, [testNode()], 'active'],
    ['deleted, its node does not answer', { deleting: true }, [testNode({ ready: false })], 'lost'],
    ['deleted, its node is gone', { deleting: true }, [], 'lost'],
    // A person who deletes an evicted pod that was kept wants a new build, which this one does not hold up.
    ['evicted through the API: on its way out', { ...evicted, deleting: true }, [testNode()], 'lost'],
    ['evicted by its kubelet: kept', evicted, [testNode()], 'failed'],

    [
      'ended, then deleted',
      { deleting: true, state: { kind: 'failed', message: '', finishedAt } },
      [],
      'failed',
    ],
    ['not deleted', {}, [], 'active'],
  ])('%s', (_name, change, nodes, state) => {
    const pod = testBuildPod({ nodeName: 'n1', ...change })
    expect(view({ pods: [pod], nodes }).view.pods).toMatchObject([{ state }])
  })
  test('the node of the failed build in status is told from a later one of its name', () => {
    const status = { kernels: [{ ...entry, buildNode: { name: 'n1', uid: 'node-1' } }] }
    const lost = (nodes: readonly NodeFacts[]) =>
      view({ modules: [guardedModule({}, { status })], nodes }).view.lostNode
    expect(lost([testNode()])).toBeUndefined()
    expect(lost([testNode({ uid: 'node-1-again' })])).toBe('n1')
    expect(lost([])).toBe('n1')
    expect(view({}).view).not.toHaveProperty('lostNode')
  })
  test('one that succeeded is kept for job.gcDelay', () => {
    const state = { kind: 'succeeded', message: '', finishedAt } as const
    expect(pods({ state }, 90_000)).toMatchObject([
      { state: 'succeeded', collectAt: '2026-01-01T00:01:30.000Z' },
    ])
  })
  test('pods of other kernels and worker pods are not here', () => {
    expect(pods({ annotations: { [annotations.kernel]: '5.10.0' } })).toEqual([])
    expect(pods({ labels: { [labels.workerAction]: 'Load' } })).toEqual([])
  })
})

test('facts are what activities need, and stay out of the view', () => {
  const { view: seen, facts } = view({ modules: [guardedModule(building)], configMaps: [dockerfile] })
  expect(facts).toMatchObject({ dockerfile: 'FROM scratch', architecture: 'amd64', mapping: { image } })
  expect(JSON.stringify(seen)).not.toContain('FROM scratch')
  expect(seen).toMatchObject({ module: 'alive', generation: 3 })
})
