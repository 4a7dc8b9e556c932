import { ActivityCancellationDetails } from '@temporalio/common'
import { MockActivityEnvironment } from '@temporalio/testing'
import { beforeEach, describe, expect, test } from 'vitest'
import type { PodState } from '../../api/facts.ts'
import type { Module } from '../../api/module.ts'
import { readyLabel } from '../../api/names.ts'
import { recordEntries, type ModuleStatusEntry } from '../../api/nodeModulesConfig.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import { guardedModule, testKernel, testRef } from '../../api/testCluster.ts'
import { viewKernel } from '../../api/viewKernel.ts'
import type { NodeRequest } from '../contract.ts'
import { viewSettings } from '../dependencies.ts'
import { KubeError } from '../kube/errors.ts'
import { SimulatedNode } from './testing/simulatedNode.ts'
import { workOnNode } from './workOnNode.ts'

const subject = { ref: testRef, uid: 'uid-1', kernel: testKernel }
/** Modules with an image that is verified; another parameter makes another config. */
const wanting = (parameter: string, spec: Readonly<Record<string, unknown>> = {}) => {
  const image = `reg.example/fpga:${testKernel}`
  const kernels = [
    { kernel: testKernel, phase: 'Loading' as const, image, digest: `sha256:${'1'.repeat(64)}` },
  ]
  const modprobe = { moduleName: 'fpga', parameters: [parameter] }
  return guardedModule({ container: { modprobe }, spec }, { status: { kernels } })
}

let module: Module | undefined
let world: SimulatedNode
let environment: MockActivityEnvironment
beforeEach(() => {
  module = wanting('a=1')
  world = new SimulatedNode(() => module)
  environment = new MockActivityEnvironment()
})

const view = () => viewKernel(world.deps.cache, testRef, testKernel, viewSettings(world.deps)).view.nodes
const next = (): NodeWork => {
  const [work] = view().work
  if (work === undefined) throw new Error('nothing is to be done')
  return work
}
const perform = async (work: NodeWork, request: Partial<NodeRequest> = {}) =>
  await environment.run(
    async () => await workOnNode(world.deps, { subject, work, seen: {}, entry: undefined, ...request }),
  )
const fact = () => recordEntries(world.record, testRef).fact
const cancel = (details: Partial<ActivityCancellationDetails> = { cancelRequested: true }) =>
  environment.cancel('CANCELLED', new ActivityCancellationDetails(details))
const running: PodState = { kind: 'running' }

/** The module is loaded, as after a run. */
async function load(): Promise<void> {
  world.onCreate = () => world.succeed()
  await perform(next())
  world.done.length = 0
  world.onCreate = () => undefined
}

describe('load', () => {
  test('the label goes, the wish is written, the pod runs, the fact is written, the label comes, the pod goes', async () => {
    world.change({ node: { labels: { [readyLabel(testRef)]: '' } } })
    world.onCreate = () => world.succeed()
    expect(await perform(next())).toMatchObject({ kind: 'done', seen: { NodeModulesConfig: '7', Node: '5' } })
    expect(world.done).toEqual([
      'withdraw ready',
      'wish 1',
      'create pod',
      'fact 1',
      'give ready',
      'delete pod',
    ])
    expect(fact()).toMatchObject({ bootId: 'b1', config: { modprobe: { parameters: ['a=1'] } } })
    expect(view()).toMatchObject({ work: [], counts: { loaded: 1 } })
  })

  test('an operator that was killed after the pod ended: the next one writes down and tidies up', async () => {
    world.onCreate = () => world.succeed()
    world.onDelete = () => {
      throw new Error('killed')
    }
    await expect(perform(next())).rejects.toThrow('killed')
    world.onDelete = () => world.change({ pod: undefined })
    expect(next()).toMatchObject({ action: 'Load' })
    await perform(next())
    expect(world.pod).toBeUndefined()
    expect(view().work).toEqual([])
  })

  test('a result of an earlier boot counts for nothing', async () => {
    world.onCreate = () => {
      const message = world.report({ bootId: 'b0' })
      world.podBecomes({ kind: 'succeeded', message, finishedAt: '' })
    }
    expect(await perform(next())).toMatchObject({ kind: 'failed' })
    expect(fact()).not.toHaveProperty('config')
    expect(world.node.labels).not.toHaveProperty([readyLabel(testRef)])
  })

  test('a result of a boot that is over is obsolete, and no failure', async () => {
    world.onCreate = () => {
      world.change({ node: { bootId: 'b2' } })
      world.podBecomes({
        kind: 'succeeded',
        message: world.report({ reason: 'Obsolete' }),
        finishedAt: '',
      })
    }
    expect(await perform(next())).toMatchObject({ kind: 'obsolete' })
    expect(fact()).toBeUndefined()
  })

  test.each<[string, object]>([
    ['of another action', { action: 'Unload' }],
    ['with a number out of range', { exitStatus: 1e9 }],
    ['longer than a termination message', { lsmod: 'x'.repeat(5000) }],
  ])('a result %s counts for nothing', async (_what, change) => {
    world.onCreate = () =>
      world.podBecomes({ kind: 'succeeded', message: world.report(change), finishedAt: '' })
    expect(await perform(next())).toMatchObject({ kind: 'failed' })
    expect(fact()).toMatchObject({ failure: { reason: 'NoLoaderResult' } })
    expect(fact()).not.toHaveProperty('config')
    expect(world.node.labels).not.toHaveProperty([readyLabel(testRef)])
  })

  test('a directory that was not ordered is not taken for one of firmware', async () => {
    world.onCreate = () => {
      const message = world.report({ firmwareHostPath: '/etc' })
      world.podBecomes({ kind: 'succeeded', message, finishedAt: '' })
    }
    await perform(next())
    expect(fact()).toMatchObject({ bootId: 'b1' })
    expect(fact()).not.toHaveProperty('firmwareHostPath')
  })

  test('users.md 7: a pod deleted by somebody else is made again, and is no failure', async () => {
    world.onCreate = () => world.fail({ exitCode: 143, container: 'worker' }, { deleting: true })
    await expect(perform(next())).rejects.toThrow('Somebody deleted the worker pod')
    world.onCreate = () => world.change({ pod: undefined })
    await expect(perform(next())).rejects.toThrow('Somebody deleted the worker pod')
    expect(fact()).toBeUndefined()
    expect(next()).toMatchObject({ action: 'Load' })
  })

  test('nodes:STM-16, another config while it runs: the old one is written down, then unloaded', async () => {
    world.onCreate = () => world.podBecomes(running)
    const first = perform(next())
    await expect.poll(() => world.pod?.state.kind).toBe('running')
    module = wanting('a=2')
    expect(next()).toMatchObject({ action: 'Load' })
    world.succeed()
    await first
    expect(fact()).toMatchObject({ config: { modprobe: { parameters: ['a=1'] } } })
    expect(next()).toMatchObject({ action: 'Unload' })
  })
})

describe('failures', () => {
  const failing = async (change: Parameters<SimulatedNode['fail']>[0]) => {
    world.onCreate = () => world.fail(change)
    const work = view().work[0]
    if (work !== undefined) await perform(work)
    return fact()?.failure
  }
  const pauseOf = (failure: ModuleStatusEntry['failure']) =>
    failure?.retryAt === undefined ? undefined : Date.parse(failure.retryAt) - Date.parse(failure.at)

  test('in use: tried again at a growing pace', async () => {
    const says = {
      exitCode: 1,
      container: 'worker',
      message: world.report({ action: 'Load', reason: 'InUse', message: 'held by x' }),
    }
    const first = await failing(says)
    expect(first).toMatchObject({ reason: 'InUse', message: 'held by x', attempts: 1 })
    expect(pauseOf(first)).toBe(5_000)
    expect(pauseOf(await failing(says))).toBe(10_000)
    expect(view()).toMatchObject({
      work: [{ notBefore: fact()?.failure?.retryAt }],
      counts: { failed: 0, waiting: 1 },
    })
  })

  test('nodes:STM-7 Better, ended by the cluster: three more times, then held with the reason', async () => {
    const pauses = []
    for (const podReason of ['Evicted', 'OutOfcpu', 'Evicted'])
      pauses.push(pauseOf(await failing({ podReason })))
    expect(pauses).toEqual([10_000, 20_000, 40_000])
    expect(await failing({ podReason: 'Evicted', podMessage: 'low on memory' })).toMatchObject({
      reason: 'Evicted',
      message: 'low on memory',
      attempts: 4,
    })
    expect(view()).toMatchObject({ work: [], counts: { failed: 1 } })
  })

  test('an eviction after a wait for a module in use begins a row of its own', async () => {
    const message = world.report({ action: 'Load', reason: 'InUse' })
    for (let times = 0; times < 5; times++) await failing({ exitCode: 1, message })
    expect(pauseOf(await failing({ podReason: 'Evicted' }))).toBe(10_000)
  })

  test('a loader that finds another node than its status tells: tried again at a growing pace, for as long as it takes', async () => {
    const says = { container: 'worker', message: world.report({ action: 'Load', reason: 'Obsolete' }) }
    const pauses = []
    for (let times = 0; times < 8; times++) pauses.push((pauseOf(await failing(says)) ?? 0) / 1000)
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300])
    expect(fact()?.failure).toMatchObject({ reason: 'Obsolete', attempts: 8 })
  })

  test('what the image has its cp say in the name of the loader is a failure of the image, and held', async () => {
    for (const reason of ['Obsolete', 'InUse', undefined]) {
      const message = world.report({ action: 'Load', reason })
      const failure = await failing({ exitCode: 1, container: 'image-extractor', message })
      expect(failure).toMatchObject({ reason: 'ExtractFailed' })
      expect(pauseOf(failure)).toBeUndefined()
    }
    expect(view()).toMatchObject({ work: [], counts: { failed: 1 } })
    expect(fact()).not.toHaveProperty('config')
  })

  test('everything else is held', async () => {
    const message = world.report({ action: 'Load', reason: 'KeyRejected', message: 'sign it' })
    expect(await failing({ exitCode: 1, message })).toMatchObject({ reason: 'KeyRejected', attempts: 1 })
    expect(view()).toMatchObject({ work: [], failures: [{ reason: 'KeyRejected' }] })
  })
})

describe('cancelled', () => {
  const begin = async () => {
    const work = perform(next())
    await expect.poll(() => world.pod).toBeDefined()
    return work
  }

  test('before the pod has begun: it goes, and nothing is written', async () => {
    const work = begin()
    await expect.poll(() => world.pod).toBeDefined()
    cancel()
    expect(await work).toMatchObject({ kind: 'done', message: 'its pod is gone' })
    expect(world.pod).toBeUndefined()
    expect(fact()).toBeUndefined()
  })

  test('in the moment its loader begins: what it did is written down', async () => {
    world.onDelete = () => {
      if (world.pod?.state.kind === 'pending') world.succeed()
      else world.change({ pod: undefined })
    }
    const work = begin()
    await expect.poll(() => world.pod).toBeDefined()
    module = wanting('a=2')
    cancel()
    expect(await work).toMatchObject({ message: 'it was wanted no more, and had done: Load' })
    expect(fact()).toMatchObject({ bootId: 'b1', config: { modprobe: { parameters: ['a=1'] } } })
    expect(next()).toMatchObject({ action: 'Unload' })
  })

  test('while it runs: it runs to its end', async () => {
    world.onCreate = () => world.podBecomes(running)
    const work = begin()
    await expect.poll(() => world.pod?.state.kind).toBe('running')
    cancel()
    expect(world.done).not.toContain('delete pod')
    world.succeed()
    await work
    expect(fact()).toMatchObject({ bootId: 'b1' })
    expect(world.pod).toBeUndefined()
  })

  test('an unload, wanted again: the module stays, its failure is taken back, the label comes back', async () => {
    await load()
    module = wanting('a=1', { selector: { gpu: 'yes' } })
    world.onCreate = () => world.fail({ exitCode: 1, message: world.report({ reason: 'InUse' }) })
    await perform(next())
    expect(fact()?.failure).toMatchObject({ action: 'Unload', reason: 'InUse' })
    module = wanting('a=1')
    expect(next()).toMatchObject({ action: 'Relabel' })
    await perform(next())
    expect(fact()).toMatchObject({ bootId: 'b1' })
    expect(fact()?.failure).toBeUndefined()
    expect(world.node.labels).toHaveProperty([readyLabel(testRef)])
    expect(view()).toMatchObject({ work: [], counts: { loaded: 1 } })
  })

  test('by an operator that stops: the pod is left alone', async () => {
    const work = begin()
    await expect.poll(() => world.pod).toBeDefined()
    cancel({ workerShutdown: true })
    await expect(work).rejects.toThrow()
    expect(world.done).not.toContain('delete pod')
  })
})

test('a node that goes away ends the wait, and its pod is left alone', async () => {
  const work = perform(next())
  await expect.poll(() => world.pod).toBeDefined()
  world.change({ node: { ready: false } })
  expect(await work).toMatchObject({ kind: 'obsolete', message: 'node n1 is away' })
  expect(world.done).not.toContain('delete pod')
})

describe('a pod nobody wants', () => {
  test('an unload that was done all the same: the module is loaded again', async () => {
    await load()
    module = wanting('a=1', { selector: { gpu: 'yes' } })
    const work = perform(next())
    await expect.poll(() => world.pod).toBeDefined()
    module = wanting('a=1')
    expect(next()).toMatchObject({ action: 'Settle' })
    world.succeed()
    await work
    expect(next()).toMatchObject({ action: 'Load' })
  })

  test('of another boot goes', async () => {
    const work = perform(next())
    await expect.poll(() => world.pod).toBeDefined()
    cancel({ workerShutdown: true })
    await work.catch(() => undefined)
    environment = new MockActivityEnvironment()
    world.change({ node: { bootId: 'b2' } })
    expect(next()).toMatchObject({ action: 'Settle' })
    await perform(next())
    expect(world.pod).toBeUndefined()
    expect(next()).toMatchObject({ action: 'Load', bootId: 'b2' })
  })
})

test('Forget takes the label before the record', async () => {
  await load()
  module = undefined
  world.change({ node: { bootId: 'b2' } })
  expect(next()).toMatchObject({ action: 'Forget' })
  await perform(next())
  expect(world.done).toEqual(['withdraw ready', 'fact 0', 'wish 0'])
  expect(view().work).toEqual([])
})

test('a command that is not planned any more does nothing', async () => {
  const work = next()
  module = wanting('a=2')
  expect(await perform(work)).toMatchObject({ kind: 'obsolete' })
  expect(world.done).toEqual([])
})

test('nodes:STM-8, another ServiceAccount, pull secret or toleration alone reloads nothing', async () => {
  await load()
  const { container } = module?.spec.moduleLoader ?? {}
  const moduleLoader = { serviceAccountName: 'loader', container }
  const tolerations = [{ key: 'gpu', operator: 'Exists' }]
  module = wanting('a=1', { moduleLoader, tolerations, imageRepoSecret: { name: 'pull' } })
  expect(view()).toMatchObject({ work: [], counts: { loaded: 1 } })
  expect(fact()).toMatchObject({ serviceAccountName: 'default' })
})

test('but they replace a pod that has not begun', async () => {
  const work = perform(next())
  await expect.poll(() => world.pod).toBeDefined()
  cancel({ workerShutdown: true })
  await work.catch(() => undefined)
  expect(next()).toMatchObject({ action: 'Load' })
  module = wanting('a=1', { imageRepoSecret: { name: 'pull' } })
  expect(next()).toMatchObject({ action: 'Settle' })
})

describe('Events', () => {
  test('of a load, of one that fails, and of one that is given another try', async () => {
    world.onCreate = () => world.fail({ message: world.report({ reason: 'KeyRejected', exitStatus: 1 }) })
    expect(await perform(next())).toMatchObject({ kind: 'failed' })
    expect(world.said).toEqual(['LoadFailed', 'ModuleLoadFailed'])
    world.said.length = 0
    module = wanting('a=2')
    await load()
    expect(world.said).toEqual(['ModuleLoaded'])
  })
  test('a load that fails again is said again after a retry, and only then', async () => {
    world.onCreate = () => world.fail({ message: world.report({ reason: 'KeyRejected', exitStatus: 1 }) })
    const work = next()
    await perform(work)
    await perform(work)
    expect(new Set(world.keys).size).toBe(2)
    await perform(work, { retries: 1 })
    expect(world.said).toHaveLength(6)
    expect(new Set(world.keys).size).toBe(4)
  })
})

test('of many nodes that are refused a pod, one says so in status', async () => {
  const message = 'pods "kmm-worker-x" is forbidden: exceeded quota: few, requested: pods=1'
  world.refusal = new KubeError({ code: 403, reason: 'Forbidden', message })
  const entry = { kernel: testKernel, phase: 'Loading' } as const
  const refused = async () =>
    await environment.run(
      async () => await workOnNode(world.deps, { subject, work: next(), seen: {}, entry }),
    )
  for (const outcome of await Promise.allSettled([refused(), refused(), refused()]))
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('exceeded quota: few') } })
  expect(world.done.filter((done) => done === 'status')).toHaveLength(1)
  world.done.length = 0
  const { status = {} } = wanting('a=1')
  const said = { reason: 'PodRefusedByQuota', message: 'worker pod on node other: exceeded quota' }
  const kernels = (status.kernels ?? []).map((kernel) => ({ ...kernel, ...said }))
  module = { ...wanting('a=1'), status: { ...status, kernels } }
  await expect(refused()).rejects.toThrow('exceeded quota: few')
  expect(world.done).not.toContain('status')
})
