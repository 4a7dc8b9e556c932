import { describe, expect, test } from 'vitest'
import type { ClusterSnapshot, PodFacts } from './facts.ts'
import { labels, workerPodName } from './names.ts'
import { countedPods, isAnnounced } from './podProvenance.ts'
import {
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testNode,
  testRecord,
  testRef,
  testWorkerPod,
  unreadableModule,
  type TestCluster,
} from './testCluster.ts'
import { kernelsOf, viewKernel } from './viewKernel.ts'
import { viewModule } from './viewModule.ts'

const config = testConfig()
const done = {
  kind: 'succeeded',
  message: JSON.stringify({ firmwareHostPath: '/etc' }),
  finishedAt: '2026-01-01T00:00:00Z',
} as const
const exact = testWorkerPod('Load', config, { state: done })
const { runsLoader: _loader, ...unprivileged } = exact
const record = testRecord(config, undefined)
const counts = (pod: PodFacts, things: TestCluster) =>
  countedPods(testCluster(things), testRef, [pod]).length === 1

describe('a worker pod counts', () => {
  test.each<[string, PodFacts, TestCluster]>([
    ['under its exact name, with its Module', exact, { modules: [guardedModule()] }],
    ['with a Module that cannot be read', exact, { unreadable: [unreadableModule()] }],
    ['with a record alone', exact, { records: [record] }],
    ["under KMM's name, with a record", { ...exact, name: 'kmm-worker-n1-fpga' }, { records: [record] }],
  ])('%s', (_name, pod, things) => {
    expect(counts(pod, things)).toBe(true)
  })
  const all = { modules: [guardedModule()], records: [record] }
  test.each<[string, PodFacts, TestCluster]>([
    ['without a Module or a record', exact, {}],
    [
      'with a record of another Module',
      exact,
      { records: [testRecord(config, {}, { ref: { ...testRef, name: 'x' } })] },
    ],
    ['under another name', { ...exact, name: 'evil' }, all],
    [
      'on another node',
      { ...exact, nodeName: 'n2' },
      { ...all, nodes: [testNode(), testNode({ name: 'n2', uid: 'node-2' })] },
    ],
    ['under the name of an earlier Node', { ...exact, name: workerPodName('node-0', testRef) }, all],
    ['on no node', (({ nodeName: _node, ...rest }) => rest)(exact), all],
    ['on a node that is gone', exact, { ...all, nodes: [] }],
    [
      "under KMM's name, without a record",
      { ...exact, name: 'kmm-worker-n1-fpga' },
      { modules: [guardedModule()] },
    ],
  ])('not %s', (_name, pod, things) => {
    expect(counts(pod, things)).toBe(false)
  })
})

describe('a build pod counts', () => {
  const its = {
    [labels.resourceType]: 'BuildImage',
    [labels.moduleUid]: 'uid-1',
    [labels.inputHash]: 'abcdef0123456789',
    [labels.attempt]: '2',
  }
  const build = testBuildPod({ name: 'fpga-build-abcdef01-2', labels: its })
  const entry = { kernel: testNode().kernel, phase: 'Building' } as const
  const there = { modules: [guardedModule({}, { status: { kernels: [entry] } })] }
  test('under the name of its inputs and attempt, for this very Module', () => {
    expect(counts(build, there)).toBe(true)
    const sign = {
      ...build,
      name: 'fpga-sign-abcdef01-2',
      labels: { ...its, [labels.resourceType]: 'SignImage' },
    }
    expect(counts(sign, there)).toBe(true)
  })
  test.each<[string, PodFacts, TestCluster]>([
    ['without the Module', build, {}],
    [
      'of a Module of its name that was before',
      { ...build, labels: { ...its, [labels.moduleUid]: 'uid-0' } },
      there,
    ],
    ['of no kernel', { ...build, annotations: {} }, there],
    ['of a kernel that status does not have', build, { modules: [guardedModule()] }],
    ['under another name', { ...build, name: 'fpga-build-abcdef01-3' }, there],
    ['under the name of one that signs', { ...build, name: 'fpga-sign-abcdef01-2' }, there],
    [
      'with nothing but an input hash',
      { ...build, labels: { [labels.inputHash]: 'abcdef0123456789' } },
      there,
    ],
    ['of no kind', { ...build, labels: { ...its, [labels.resourceType]: '' } }, there],
  ])('not %s', (_name, pod, things) => {
    expect(counts(pod, things)).toBe(false)
  })
  test('as one that status announced', () => {
    const announced = { kernel: 'k', phase: 'Building', inputHash: 'abcdef0123456789', attempt: 2 } as const
    expect(isAnnounced(announced, build)).toBe(true)
    expect(isAnnounced({ ...announced, attempt: 1 }, build)).toBe(false)
    expect(isAnnounced({ ...announced, inputHash: 'other' }, build)).toBe(false)
    expect(isAnnounced(undefined, build)).toBe(false)
  })
})

describe('forged worker pods', () => {
  /** The cluster as caches have it, with these pods in it. */
  const withPods = (pods: readonly PodFacts[], things: TestCluster): ClusterSnapshot => {
    const cluster = testCluster(things)
    return { ...cluster, pods: (ref) => countedPods(cluster, ref, pods) }
  }
  const settings = { gcDelayMs: 0, maxParallel: 10 }
  const forged = [exact, unprivileged, { ...exact, name: 'evil' }, { ...exact, name: 'kmm-worker-n1-fpga' }]

  test('of no Module concern no kernel, and nothing is to be done about them', () => {
    const cluster = withPods(forged, {})
    expect(kernelsOf(cluster, testRef)).toEqual([])
    const { view } = viewKernel(cluster, testRef, testNode().kernel, settings)
    expect(view.nodes.work).toEqual([])
  })

  test('beside a Module whose image is not there are ended, and none is believed', () => {
    const { view } = viewKernel(
      withPods(forged, { modules: [guardedModule()] }),
      testRef,
      testNode().kernel,
      settings,
    )
    expect(view.nodes).toMatchObject({ work: [{ action: 'Settle' }], counts: { loaded: 0 } })
  })

  test('keep no Module from being deleted', () => {
    const modules = [guardedModule({}, { deleting: true })]
    const strangers = [
      { ...exact, name: 'evil' },
      testBuildPod(),
      testBuildPod({ labels: { [labels.attempt]: '1', [labels.inputHash]: 'abcdef01' } }),
    ]
    expect(viewModule(withPods(strangers, { modules }), testRef, '').view.remains).toEqual([])
  })
})
