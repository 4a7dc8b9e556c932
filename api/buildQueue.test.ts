import { expect, test } from 'vitest'
import { buildsBefore, nodelessBuilds, queuedSentence } from './buildQueue.ts'
import type { ClusterSnapshot, PodFacts } from './facts.ts'
import type { KernelStatus, Module } from './module.ts'
import { annotations, labels } from './names.ts'
import {
  guardedModule,
  testBuildPod,
  testCluster,
  testConfig,
  testKernel,
  testRef,
  testWorkerPod,
} from './testCluster.ts'

const noon = '2026-01-01T12:00:00Z'
const earlier = '2026-01-01T11:00:00Z'
const later = '2026-01-01T13:00:00Z'
const queued = (since: string, change: Partial<KernelStatus> = {}): KernelStatus => ({
  kernel: testKernel,
  phase: 'Building',
  reason: 'BuildQueued',
  since,
  ...change,
})

/** A cluster of the test Module, which asks, and of Module "other" with these entries and pods. */
function world(kernels: KernelStatus[], pods: PodFacts[] = [], deleting = false): ClusterSnapshot {
  const module = guardedModule({}, { status: { kernels }, deleting })
  const other: Module = { ...module, metadata: { ...module.metadata, name: 'other' } }
  const cluster = testCluster({
    modules: [guardedModule({}, { status: { kernels: [queued(noon)] } }), other],
  })
  return { ...cluster, pods: ({ name }) => (name === 'other' ? pods : []) }
}
/** Status announced the test's build pod, of attempt 2. */
const made = (change: Partial<KernelStatus> = {}) => queued(later, { inputHash: 'h1', attempt: 2, ...change })
const otherKernel = '5.10.0'
/** Pods of strangers with our labels. */
const strangers = (labelled: Readonly<Record<string, string>>) =>
  Array.from({ length: 10 }, () =>
    testBuildPod({
      labels: labelled,
      state: { kind: 'pending' },
      annotations: { [annotations.kernel]: testKernel },
    }),
  )
const ended = (kind: 'succeeded' | 'failed') =>
  testBuildPod({ state: { kind, message: '', finishedAt: earlier } })
const lost = testBuildPod({ deleting: true, nodeName: 'gone' })

test.each<[string, number, ClusterSnapshot]>([
  ['nobody else', 0, world([])],
  ['one that waits for longer', 1, world([queued(earlier)])],
  ['one that came later', 0, world([queued(later)])],
  ['one that came at the same moment: names decide', 0, world([queued(noon)])],
  ['one that runs, whenever it came', 1, world([made({ reason: 'x' })], [testBuildPod()])],
  [
    'one that runs and still says that it waits counts once',
    1,
    world([made({ since: earlier })], [testBuildPod()]),
  ],
  [
    'one that waits beside one that runs',
    2,
    world(
      [queued(earlier), made({ kernel: otherKernel })],
      [testBuildPod({ annotations: { [annotations.kernel]: otherKernel } })],
    ),
  ],
  ['one that waits for something else', 0, world([queued(earlier, { reason: 'SecretMissing' })])],
  ['one that is no build any more', 0, world([queued(earlier, { phase: 'Cancelled' })])],
  ['one of a Module that is being deleted', 0, world([queued(earlier)], [], true)],
  ['pods that status never announced', 0, world([], strangers({ [labels.inputHash]: 'h1' }))],
  [
    'pods of other attempts than status announced last',
    0,
    world(
      [made()],
      [
        ...strangers({ [labels.inputHash]: 'h1', [labels.attempt]: '1' }),
        ...strangers({ [labels.inputHash]: 'h1', [labels.attempt]: '999999' }),
        ...strangers({ [labels.inputHash]: 'h2', [labels.attempt]: '2' }),
      ],
    ),
  ],
  ['builds that have ended', 0, world([made()], [ended('failed'), ended('succeeded')])],
  ['a build that is lost with its node', 0, world([made()], [lost])],
  ['a worker pod', 0, world([], [testWorkerPod('Load', testConfig())])],
])('before a build: %s', (_name, count, cluster) => {
  expect(buildsBefore(cluster, { ref: testRef, kernel: testKernel }, noon)).toBe(count)
})

test('of two that come at the same moment exactly one is before the other', () => {
  const cluster = world([queued(noon)])
  const of = (name: string) => buildsBefore(cluster, { ref: { ...testRef, name }, kernel: testKernel }, noon)
  expect([of('fpga'), of('other')]).toEqual([0, 1])
})

test('what is said names the key that raises the limit', () => {
  expect(queuedSentence(1, 1, 0)).toMatch(
    /^1 build is before it, and at most one runs at once in the cluster\. It/,
  )
  expect(queuedSentence(12, 10, 0)).toMatch(/^12 builds are before it, and at most 10 run at once/)
  expect(queuedSentence(12, 10, 0)).toContain('build.maxParallel')
})

test('who waits is told of builds that wait for a node, and where to find them', () => {
  const pods = ['Unschedulable', undefined, 'ImagePullBackOff', 'running', 'Unschedulable'].map(
    (reason, at) => {
      const pending = { kind: 'pending', ...(reason === undefined ? {} : { reason }) } as const
      const state = reason === 'running' ? ({ kind: 'running' } as const) : pending
      return testBuildPod({ annotations: { [annotations.kernel]: `6.${at}` }, state })
    },
  )
  const cluster = world(
    pods.map((_, at) => made({ kernel: `6.${at}` })),
    [...pods, ...strangers({ [labels.inputHash]: 'h1' })],
  )
  expect(nodelessBuilds(cluster)).toBe(2)
  expect(queuedSentence(10, 10, 2)).toContain(
    '2 build pods have no node to run on: kubectl get pods -A -l ' +
      "'kmm.node.kubernetes.io/resource-type in (BuildImage,SignImage)'",
  )
  expect(queuedSentence(10, 10, 1)).toContain(' 1 build pod has no node')
})
