import { describe, expect, test } from 'vitest'
import { buildLimits, buildsBefore, nodelessBuilds, queuedSentence, waitsForTurn } from './buildQueue.ts'
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
  const before = buildsBefore(cluster, { ref: testRef, kernel: testKernel }, noon)
  expect(before).toEqual({ cluster: count, namespace: count })
})

test('of two that come at the same moment exactly one is before the other', () => {
  const cluster = world([queued(noon)])
  const of = (name: string) =>
    buildsBefore(cluster, { ref: { ...testRef, name }, kernel: testKernel }, noon).cluster
  expect([of('fpga'), of('other')]).toEqual([0, 1])
})

const twelve = { scope: 'cluster', before: 12, limit: 10 } as const

test('what is said names the key that raises the limit', () => {
  expect(queuedSentence({ scope: 'cluster', before: 1, limit: 1 }, 0)).toMatch(
    /^1 build is before it, and at most one runs at once in the cluster\. It/,
  )
  expect(queuedSentence(twelve, 0)).toMatch(/^12 builds are before it, and at most 10 run at once/)
  expect(queuedSentence(twelve, 0)).toContain('a greater build.maxParallel in')
  expect(queuedSentence({ scope: 'namespace', before: 5, limit: 5 }, 0)).toMatch(
    /^5 builds in its namespace are before it, and at most 5 run at once in one namespace\. .*build\.maxParallelPerNamespace/,
  )
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
  expect(queuedSentence(twelve, 2)).toContain(
    '2 build pods have no node to run on: kubectl get pods -A -l ' +
      "'kmm.node.kubernetes.io/resource-type in (BuildImage,SignImage)'",
  )
  expect(queuedSentence(twelve, 1)).toContain(' 1 build pod has no node')
})

describe('namespaces take turns', () => {
  /** Builds that run and builds that wait in namespaces; who waits does so in this order. */
  const busy = (running: Record<string, number>, waiting: readonly string[]) => {
    const modules: Module[] = []
    const add = (namespace: string, name: string, kernels: KernelStatus[]) => {
      const module = guardedModule({}, { status: { kernels } })
      modules.push({ ...module, metadata: { ...module.metadata, namespace, name } })
    }
    for (const [namespace, count] of Object.entries(running))
      for (let at = 0; at < count; at++)
        add(namespace, `running-${at}`, [
          { kernel: testKernel, phase: 'Building', inputHash: 'h1', attempt: 2 },
        ])
    waiting.forEach((namespace, at) => add(namespace, `waiting-${at}`, [queued(`2026-01-01T0${at}:00:00Z`)]))
    const pods = ({ name }: { name: string }) => (name.startsWith('running') ? [testBuildPod()] : [])
    return { ...testCluster({ modules }), pods }
  }
  /** The builds that may begin, as `namespace:place in the list`. */
  const begin = (
    build: { maxParallel: number; maxParallelPerNamespace?: number },
    waiting: readonly string[],
    running = {},
  ) => {
    const limits = buildLimits(build)
    const cluster = busy(running, waiting)
    return waiting.flatMap((namespace, at) => {
      const ref = { namespace, name: `waiting-${at}` }
      const before = buildsBefore(cluster, { ref, kernel: testKernel }, `2026-01-01T0${at}:00:00Z`)
      return waitsForTurn(before, limits) === undefined ? [`${namespace}:${at}`] : []
    })
  }

  test('one that floods the queue does not keep others from their first turn', () => {
    expect(begin({ maxParallel: 2 }, ['a', 'a', 'a', 'a', 'b'])).toEqual(['a:0', 'b:4'])
    expect(begin({ maxParallel: 1 }, ['a', 'b'])).toEqual(['a:0'])
    expect(begin({ maxParallel: 4 }, ['a', 'a', 'a', 'b', 'c'])).toEqual(['a:0', 'a:1', 'b:3', 'c:4'])
  })
  test('who runs builds comes after who runs none, however long it waits', () => {
    expect(begin({ maxParallel: 2, maxParallelPerNamespace: 2 }, ['a', 'b'], { a: 1 })).toEqual(['b:1'])
  })
  test('of two that run none, whose namespace has just had a build comes last', () => {
    const order = (ended: KernelStatus['phase']) => {
      const cluster = busy({}, ['a', 'a', 'b'])
      const kernels: KernelStatus[] = [{ kernel: testKernel, phase: ended, attempt: 1, since: noon }]
      const done = guardedModule({}, { status: { kernels } })
      const module = { ...done, metadata: { ...done.metadata, namespace: 'a', name: 'done' } }
      const modules = [...cluster.modules(), module]
      return ['a', 'a', 'b'].map((namespace, at) => {
        const ref = { namespace, name: `waiting-${at}` }
        const since = `2026-01-01T0${at}:00:00Z`
        return buildsBefore({ ...cluster, modules: () => modules }, { ref, kernel: testKernel }, since)
          .cluster
      })
    }
    expect(order('BuildFailed')).toEqual([1, 2, 0])
    expect(order('Loaded')).toEqual([1, 2, 0])
  })
  test('nobody has more than its share, also while nobody else waits', () => {
    expect(begin({ maxParallel: 4 }, ['a', 'a', 'a'])).toEqual(['a:0', 'a:1'])
    expect(begin({ maxParallel: 4 }, ['a'], { a: 2 })).toEqual([])
    expect(begin({ maxParallel: 4, maxParallelPerNamespace: 3 }, ['a'], { a: 2 })).toEqual(['a:0'])
  })
  test('those that wait for the share of their namespace keep nobody waiting', () => {
    expect(begin({ maxParallel: 4 }, ['a', 'a', 'b', 'b'], { a: 2 })).toEqual(['b:2', 'b:3'])
  })
  test.each([
    [{ maxParallel: 1 }, { cluster: 1, namespace: 1 }],
    [{ maxParallel: 5 }, { cluster: 5, namespace: 3 }],
    [
      { maxParallel: 5, maxParallelPerNamespace: 9 },
      { cluster: 5, namespace: 5 },
    ],
  ])('the limits of %o', (build, expected) => {
    expect(buildLimits(build)).toEqual(expected)
  })
})
