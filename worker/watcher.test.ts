import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CacheChange, ClusterCache } from '../activities/cluster/cache.ts'
import type { KernelStatus } from '../api/module.ts'
import { kernelRunId, moduleRunId, readyLabel } from '../api/names.ts'
import {
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
} from '../api/testCluster.ts'
import type { Doorbell } from '../workflows/messages.ts'
import { viewModule } from '../api/viewModule.ts'
import type { Bell } from './bell.ts'
import { Watcher } from './watcher.ts'

const image = `reg.example/fpga:${testKernel}`
const digest = `sha256:${'1'.repeat(64)}`
const config = testConfig({ containerImage: `${image}@${digest}` })
const loaded: KernelStatus = {
  kernel: testKernel,
  phase: 'Loaded',
  image,
  digest,
  nodes: { targets: 1, loaded: 1, failed: 0, waiting: 0 },
}

/** A cluster in which everything is done and said. */
function atRest(): TestCluster {
  const records = [testRecord(config, { config, bootId: 'b1' })]
  const module = guardedModule({}, { status: { kernels: [loaded] } })
  const { summary } = viewModule(testCluster({ modules: [module], records }), testRef, '2026-01-01T00:00:00Z')
  if (summary === undefined) throw new Error('no summary')
  const { moduleLoader, conditions } = summary
  const status = { kernels: [loaded], moduleLoader, conditions: [...conditions] }
  const nodes = [testNode({ labels: { [readyLabel(testRef)]: '' } })]
  return { modules: [guardedModule({}, { status })], records, nodes }
}
const busy: TestCluster = { modules: [guardedModule()] }

const kernelRun = kernelRunId('c', testRef, testKernel)
const moduleRun = moduleRunId('c', testRef)
type Ring = readonly [id: string, news: Doorbell['changes']]

let cluster: TestCluster
let rings: Ring[]
let nudges: string[]
let open: Set<string>
let broken: boolean
/** Runs that cannot be signalled. */
let refused: Set<string>
let listeners: Set<(change: CacheChange) => void>
let watcher: Watcher

const ring = (id: string, news: Doorbell) => {
  if (broken) return Promise.reject(new Error('Temporal is away'))
  if (refused.has(id)) return Promise.reject(new Error('workflow id exceeds its limit'))
  rings.push([id, news.changes])
  open.add(id)
  return Promise.resolve()
}
const bell: Bell = {
  kernelRun: (ref, kernel) => kernelRunId('c', ref, kernel),
  moduleRun: (ref) => moduleRunId('c', ref),
  ringKernel: ({ ref, kernel }, news) => ring(kernelRunId('c', ref, kernel), news),
  ringModule: ({ ref }, news) => ring(moduleRunId('c', ref), news),
  retryKernel: () => Promise.resolve(),
  cancelKernel: () => Promise.resolve(),
  nudge: (id) => {
    if (broken) return Promise.reject(new Error('Temporal is away'))
    nudges.push(id)
    return Promise.resolve()
  },
  openRuns: () => (broken ? Promise.reject(new Error('Temporal is away')) : Promise.resolve(new Set(open))),
}
const cache = {
  ...Object.fromEntries(
    (
      [
        'module',
        'modules',
        'unreadable',
        'unreadableModules',
        'nodes',
        'nodeModulesConfig',
        'nodeModulesConfigs',
        'pods',
        'configMap',
      ] as const
    ).map((name) => [
      name,
      (...args: never[]) => (testCluster(cluster)[name] as (...a: never[]) => unknown)(...args),
    ]),
  ),
  knownModules: () =>
    [...(cluster.modules ?? []), ...(cluster.unreadable ?? [])].map(({ metadata }) => metadata),
  subscribe: (listener: (change: CacheChange) => void) => {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  },
} as unknown as ClusterCache

beforeEach(() => {
  vi.useFakeTimers()
  cluster = busy
  rings = []
  nudges = []
  open = new Set()
  broken = false
  refused = new Set()
  listeners = new Set()
  watcher = new Watcher({
    cache,
    bell,
    settings: { gcDelayMs: 0, maxParallel: 200 },
    log: pino({ level: 'silent' }),
  })
})
afterEach(async () => {
  vi.useRealTimers()
  await watcher.stop()
})

/** Lets promises and due timers run. */
const settle = async (ms = 0) => await vi.advanceTimersByTimeAsync(ms)
async function change(kind: string, resourceVersion: string, to: TestCluster = cluster) {
  cluster = to
  for (const tell of listeners) tell({ modules: [testRef], object: { kind, name: 'x', resourceVersion } })
  await settle()
}
const rung = () => rings.map(([id]) => id)
async function started(to: TestCluster = cluster) {
  cluster = to
  watcher.start()
  await settle()
}
const pods = { ...busy, pods: [testBuildPod({ labels: {} })] }
/** The same work, other facts: a second node is to be loaded. */
const grown = { ...busy, nodes: [testNode(), testNode({ name: 'n2', uid: 'node-2' })] }

describe('ringing', () => {
  test('rings what has work at the start, each run once', async () => {
    await started()
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
  test('what has work once more after five minutes, when every replica has the configuration of the leader', async () => {
    await started()
    await settle(299_000)
    expect(rung()).toHaveLength(2)
    await settle(2_000)
    expect(rung()).toEqual([moduleRun, kernelRun, moduleRun, kernelRun])
    await settle(30 * 60_000)
    expect(rung()).toHaveLength(4)
  })
  test('not what is at rest', async () => {
    await started(atRest())
    expect(rung()).toEqual([])
  })
  test('once per changed view, and not for changes that change no view', async () => {
    await started()
    await change('Node', '5')
    await change('Pod', '6', pods)
    expect(rung()).toEqual([moduleRun, kernelRun])
    await change('Node', '7', grown)
    expect(rung().slice(2)).toEqual([moduleRun, kernelRun])
  })
  test('what a run writes into its own entry is no news to it', async () => {
    await started()
    const said = guardedModule({}, { status: { kernels: [{ kernel: testKernel, phase: 'CheckingImage' }] } })
    await change('Module', '8', { ...busy, modules: [said] })
    expect(rung().filter((id) => id === kernelRun)).toHaveLength(1)
  })
  test('what an activity of a run writes there is, once: why a pod does not start', async () => {
    await started()
    const says = (reason: string, message: string) => {
      const entry = { kernel: testKernel, phase: 'Building', reason, message } as const
      return { ...busy, modules: [guardedModule({}, { status: { kernels: [entry] } })] }
    }
    const kernelRings = () => rung().filter((id) => id === kernelRun)
    await change('Module', '8', says('Unschedulable', '0/1 nodes are available'))
    expect(kernelRings()).toHaveLength(2)
    await change('Module', '9', says('Unschedulable', '0/2 nodes are available'))
    expect(kernelRings()).toHaveLength(2)
  })
  test('another kernel has its own run', async () => {
    await started({ ...busy, nodes: [testNode(), testNode({ name: 'n2', uid: 'node-2', kernel: '5.10.0' })] })
    expect(rung()).toEqual([moduleRun, kernelRunId('c', testRef, '5.10.0'), kernelRun])
  })
  test('a Module created anew is news', async () => {
    await started()
    const module = guardedModule()
    await change('Module', '9', { modules: [{ ...module, metadata: { ...module.metadata, uid: 'uid-2' } }] })
    expect(rung().slice(2)).toEqual([moduleRun, kernelRun])
  })
  test('work that comes back after a rest is rung again', async () => {
    await started()
    await change('Module', '5', atRest())
    await change('Module', '6', busy)
    expect(rung()).toEqual([moduleRun, kernelRun, moduleRun, kernelRun])
  })
  test('a Module that cannot be read: its own run says why, kernel runs have nothing to do', async () => {
    await started({ unreadable: [unreadableModule()] })
    expect(rung()).toEqual([moduleRun])
  })
  test('one that is deleted is unloaded all the same', async () => {
    const records = [testRecord(testConfig(), { config: testConfig(), bootId: 'b1' })]
    await started({ unreadable: [unreadableModule({ deleting: true })], records })
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
  test('a Module without its finalizer is guarded first', async () => {
    const module = guardedModule()
    await started({ modules: [{ ...module, metadata: { ...module.metadata, finalizers: [] } }] })
    expect(rung()).toEqual([moduleRun])
  })
})

describe('news', () => {
  test('the newest change of each kind goes along, once', async () => {
    await started(atRest())
    await change('Node', '10')
    await change('Node', '9', grown)
    expect(rings.at(-1)?.[1]).toEqual([{ kind: 'Node', name: 'x', resourceVersion: '9' }])
  })
  test('older changes of the same look do not replace newer ones', async () => {
    await started(atRest())
    cluster = grown
    const tell = (resourceVersion: string, kind = 'Node') =>
      listeners.forEach((listener) =>
        listener({ modules: [testRef], object: { kind, name: 'x', resourceVersion } }),
      )
    broken = true
    for (const version of ['9', '10', '8']) tell(version)
    await settle()
    broken = false
    await settle(10_000)
    expect(rings[0]?.[1]).toEqual([{ kind: 'Node', name: 'x', resourceVersion: '10' }])
  })
})

describe('when Temporal is away', () => {
  test('a failed ring comes back, with the changes it was about', async () => {
    await started(atRest())
    broken = true
    await change('Node', '5', grown)
    expect(rings).toEqual([])
    broken = false
    await settle(10_000)
    expect(rung()).toEqual([moduleRun, kernelRun])
    expect(rings[0]?.[1]).toEqual([{ kind: 'Node', name: 'x', resourceVersion: '5' }])
  })
  test('changes that arrive meanwhile are not lost, and newer ones win', async () => {
    await started(atRest())
    broken = true
    await change('Node', '5', grown)
    await change('Pod', '6')
    await change('Node', '7')
    broken = false
    await settle(60_000)
    expect(rings[0]?.[1]).toEqual([
      { kind: 'Node', name: 'x', resourceVersion: '7' },
      { kind: 'Pod', name: 'x', resourceVersion: '6' },
    ])
  })
  test('a pass looks at all Modules even when open runs cannot be listed', async () => {
    await started(atRest())
    cluster = grown
    broken = true
    await watcher.pass()
    await settle()
    broken = false
    await settle(60_000)
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
})

describe('a pass', () => {
  const pass = async () => await settle(10 * 60_000)
  test('does not ring what is open', async () => {
    await started()
    await pass()
    const before = rung()
    await pass()
    expect(rung()).toEqual(before)
  })
  test('rings nothing that is at rest', async () => {
    await started(atRest())
    await pass()
    expect(rung()).toEqual([])
  })
})

describe('a roll call', () => {
  const rollCall = async () => await settle(30_000)
  test('rings again what somebody ended while there was work, and nothing else', async () => {
    await started()
    open.delete(kernelRun)
    await rollCall()
    await rollCall()
    expect(rung()).toEqual([moduleRun, kernelRun, kernelRun])
  })
  test('rings nothing when Temporal does not answer', async () => {
    await started()
    broken = true
    await rollCall()
    broken = false
    await settle()
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
  test('leaves alone what has ended because nothing is left to do', async () => {
    await started()
    open.clear()
    cluster = atRest()
    await rollCall()
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
})

describe('runs that are open for something that is gone', () => {
  test('are told when the Module goes, and not started', async () => {
    await started()
    await change('Module', '5', {})
    expect(nudges).toEqual([moduleRun, kernelRun])
    await change('Module', '6', {})
    expect(nudges).toHaveLength(2)
    expect(rung()).toEqual([moduleRun, kernelRun])
  })
  test('are told when the kernel goes', async () => {
    await started()
    await change('Node', '5', { ...busy, nodes: [] })
    expect(nudges).toEqual([kernelRun])
  })
  test('are told while a record of an unready node is left', async () => {
    await started()
    const nodes = [testNode({ ready: false })]
    await change('Module', '5', { nodes, records: [testRecord(config, { config, bootId: 'b1' })] })
    expect(nudges).toEqual([moduleRun, kernelRun])
  })
  test('are told also when they were rung before this watcher began', async () => {
    open = new Set([moduleRun, kernelRun, 'somebody-elses'])
    await started({})
    expect(nudges).toEqual([moduleRun, kernelRun])
  })
  test('are told later when Temporal is away', async () => {
    await started()
    broken = true
    await change('Module', '5', {})
    broken = false
    await settle(60_000)
    expect(nudges).toEqual([moduleRun, kernelRun])
  })
})

describe('terms of leadership', () => {
  test('after its end nothing is heard', async () => {
    await started(atRest())
    await watcher.stop()
    expect(listeners.size).toBe(0)
    cluster = busy
    await settle(60 * 60_000)
    expect(rung()).toEqual([])
  })
  test('a second term begins anew', async () => {
    await started()
    await watcher.stop()
    await started()
    expect(rung()).toEqual([moduleRun, kernelRun, moduleRun, kernelRun])
    await change('Node', '7', grown)
    expect(rung()).toHaveLength(6)
  })
})

test('a run that cannot be signalled stops no other of its Module, and is tried again', async () => {
  const other = '5.10.0'
  const refusedRun = kernelRunId('c', testRef, other)
  refused.add(refusedRun)
  refused.add(moduleRun)
  const nodes = [testNode({ name: 'n0', uid: 'node-0', kernel: other }), testNode()]
  await started({ ...busy, nodes })
  expect(rung()).toEqual([kernelRun])
  refused.clear()
  await settle(60_000)
  expect(rung().toSorted()).toEqual([kernelRun, moduleRun, refusedRun].toSorted())
})
