import { describe, expect, test } from 'vitest'
import {
  leftLoaded,
  moduleConfigHash,
  type ModuleConfig,
  type ModuleStatusEntry,
} from './nodeModulesConfig.ts'
import {
  nodeWorkLimit,
  planNode,
  retries,
  viewNodes,
  type NodeFailure,
  type NodePlan,
  type NodePlanInput,
} from './nodePlan.ts'
import { cordoned, guardedModule, testConfig, testNode, testRecord, testRef } from './testCluster.ts'

const v1 = testConfig()
const v2 = testConfig({ containerImage: 'reg.example/fpga:2@sha256:2' })
const otherKernel = testConfig({ kernelVersion: '5.10.0' })
const loaded = (config: ModuleConfig, bootId = 'b1'): Partial<ModuleStatusEntry> => ({ config, bootId })
const failed = (
  action: 'Load' | 'Unload',
  config: ModuleConfig,
  change: Partial<NonNullable<ModuleStatusEntry['failure']>> = {},
) => ({
  failure: {
    action,
    configHash: moduleConfigHash(config),
    bootId: 'b1',
    reason: 'UnknownSymbol',
    message: 'modprobe: x',
    at: '2026-01-01T00:00:00Z',
    attempts: 2,
    ...change,
  },
})

const wants = (config: ModuleConfig): NodePlanInput['wanted'] => ({ kind: 'config', config })
const unmapped: NodePlanInput['wanted'] = { kind: 'unmapped' }
const unverified: NodePlanInput['wanted'] = { kind: 'unverified' }
const deselecting = guardedModule({ spec: { selector: { gpu: 'yes' } } })
const noLoader = guardedModule({ spec: { moduleLoader: undefined } })

function plan(change: Partial<NodePlanInput>): NodePlan {
  return planNode({
    ref: testRef,
    module: guardedModule(),
    node: testNode(),
    record: undefined,
    wanted: wants(v1),
    ...change,
  })
}

/** `Load` and the like with the config it is about, or the kind of the plan. */
function brief(result: NodePlan): string {
  const config = (c: ModuleConfig) => (c === v1 ? 'v1' : c === v2 ? 'v2' : c === otherKernel ? 'old' : '?')
  switch (result.kind) {
    case 'work':
      return `${result.work.action} ${config(result.config)}`
    case 'failed':
      return `held ${result.failure.action} ${config(result.config)}`
    default:
      return result.kind
  }
}

const left = { ...loaded(v1), ...failed('Unload', v1, { reason: leftLoaded }) }
const forced = (giveUp: 'failing' | 'all') => ({ module: guardedModule({}, { deleting: true }), giveUp })

describe('nodes:STM-6, what one node needs', () => {
  const away = testNode({ ready: false })
  const cordonedNode = testNode({ taints: [cordoned] })
  const rebooted = testNode({ bootId: 'b2' })
  test.each<[string, Partial<NodePlanInput>, string]>([
    ['nothing there: load', {}, 'Load v1'],
    ['loaded in this boot: nothing', { record: testRecord(v1, loaded(v1)) }, 'loaded'],
    ['written down, not loaded: load', { record: testRecord(v1, undefined) }, 'Load v1'],
    ['another boot: load again', { node: rebooted, record: testRecord(v1, loaded(v1)) }, 'Load v1'],
    [
      'same kernel, other config: the old one is unloaded first',
      { record: testRecord(v1, loaded(v1)), wanted: wants(v2) },
      'Unload v1',
    ],
    ['then the new one is loaded', { record: testRecord(v1, undefined), wanted: wants(v2) }, 'Load v2'],
    [
      'other kernel: what the old boot had died with it',
      { node: rebooted, record: testRecord(otherKernel, loaded(otherKernel)) },
      'Load v1',
    ],
    ['unready: left alone', { node: away }, 'unreachable'],
    [
      'unready and to be unloaded: left alone',
      { node: away, module: undefined, record: testRecord(v1, loaded(v1)) },
      'unreachable',
    ],
    ['unready but loaded: nothing', { node: away, record: testRecord(v1, loaded(v1)) }, 'loaded'],
    ['Module gone: unload', { module: undefined, record: testRecord(v1, loaded(v1)) }, 'Unload v1'],
    [
      'Module being deleted: unload',
      { module: guardedModule({}, { deleting: true }), record: testRecord(v1, loaded(v1)) },
      'Unload v1',
    ],
    ['moduleLoader removed: unload', { module: noLoader, record: testRecord(v1, loaded(v1)) }, 'Unload v1'],
    ['selected no more: unload', { module: deselecting, record: testRecord(v1, loaded(v1)) }, 'Unload v1'],
    [
      'tainted: unload',
      {
        node: testNode({ taints: [{ key: 'dedicated', effect: 'NoSchedule' }] }),
        record: testRecord(v1, loaded(v1)),
      },
      'Unload v1',
    ],
    ['no mapping any more: unload', { wanted: unmapped, record: testRecord(v1, loaded(v1)) }, 'Unload v1'],
    ['not a target and nothing there: nothing', { module: deselecting }, 'idle'],
    ['Module gone and nothing there: nothing', { module: undefined }, 'idle'],
    [
      'what another boot had is forgotten, not unloaded',
      { module: undefined, node: rebooted, record: testRecord(v1, loaded(v1)) },
      'Forget v1',
    ],
    [
      'but its firmware outlives the boot, and is taken away',
      {
        module: undefined,
        node: rebooted,
        record: testRecord(v1, { ...loaded(v1), firmwareHostPath: '/lib/firmware' }),
      },
      'Unload v1',
    ],
    [
      'in another kernel there is nothing to unload by, and it is forgotten with its firmware',
      {
        module: undefined,
        node: rebooted,
        record: testRecord(otherKernel, { ...loaded(otherKernel), firmwareHostPath: '/lib/firmware' }),
      },
      'Forget old',
    ],
    [
      'what was only written down is forgotten',
      { module: undefined, record: testRecord(v1, undefined) },
      'Forget v1',
    ],
    [
      'a fact without a wish is unloaded',
      { module: undefined, record: testRecord(undefined, loaded(v1)) },
      'Unload v1',
    ],
    [
      'a load that failed is forgotten when it is wanted no more',
      { module: undefined, record: testRecord(v1, failed('Load', v1)) },
      'Forget v1',
    ],
    [
      'given up: left until the next boot',
      { module: undefined, record: testRecord(undefined, left) },
      'idle',
    ],
    [
      'given up while the Module is being deleted: left too',
      { module: guardedModule({}, { deleting: true }), record: testRecord(undefined, left) },
      'idle',
    ],
    [
      'given up, in an earlier boot: forgotten',
      { module: undefined, node: rebooted, record: testRecord(undefined, left) },
      'Forget v1',
    ],
    [
      'given up under a former Module of this name: unloaded, then loaded',
      { record: testRecord(undefined, left) },
      'Unload v1',
    ],
    [
      'forced: a node that is away is given up',
      { ...forced('failing'), node: away, record: testRecord(v1, loaded(v1)) },
      'Leave v1',
    ],
    [
      'forced: also when only the wish is known',
      { ...forced('failing'), node: away, record: testRecord(v1, undefined) },
      'Leave v1',
    ],
    [
      'forced: a node that can be reached is unloaded all the same',
      { ...forced('failing'), record: testRecord(v1, loaded(v1)) },
      'Unload v1',
    ],
    [
      'forced: unless that fails',
      { ...forced('failing'), record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1) }) },
      'Leave v1',
    ],
    [
      'forced: or its worker pod cannot start',
      { ...forced('all'), record: testRecord(v1, loaded(v1)) },
      'Leave v1',
    ],
    ['image not verified, nothing there: wait', { wanted: unverified }, 'waiting'],
    [
      'image not verified: what is loaded stays',
      { wanted: unverified, record: testRecord(v1, loaded(v1)) },
      'loaded',
    ],
    [
      'image not verified: a reboot loads what was verified last',
      { wanted: unverified, node: rebooted, record: testRecord(v1, loaded(v1)) },
      'Load v1',
    ],
    [
      'image not verified: the config of another kernel does not count',
      { wanted: unverified, node: rebooted, record: testRecord(otherKernel, loaded(otherKernel)) },
      'waiting',
    ],
    ['image not verified and unready', { wanted: unverified, node: away }, 'unreachable'],
    ['cordoned: nothing new', { node: cordonedNode }, 'idle'],
    ['cordoned: what is loaded stays', { node: cordonedNode, record: testRecord(v1, loaded(v1)) }, 'loaded'],
    [
      'cordoned: no change to a new image',
      { node: cordonedNode, record: testRecord(v1, loaded(v1)), wanted: wants(v2) },
      'loaded',
    ],
    [
      'records of other Modules are not ours',
      { record: testRecord(v2, loaded(v2), { ref: { namespace: 'other', name: 'fpga' } }) },
      'Load v1',
    ],
    [
      'nor those of another name',
      { module: undefined, record: testRecord(v2, loaded(v2), { ref: { namespace: 'drivers', name: 'x' } }) },
      'idle',
    ],
  ])('%s', (_name, change, expected) => {
    expect(brief(plan(change))).toBe(expected)
  })

  test('a command says node, boot and config', () => {
    expect(plan({})).toMatchObject({
      work: { node: 'n1', uid: 'node-1', bootId: 'b1', action: 'Load', configHash: moduleConfigHash(v1) },
    })
  })
})

describe('failures', () => {
  test.each<[string, Partial<NodePlanInput>, string]>([
    ['the same command is held', { record: testRecord(v1, failed('Load', v1)) }, 'held Load v1'],
    [
      'a changed config is tried',
      { record: testRecord(v1, failed('Load', v1)), wanted: wants(v2) },
      'Load v2',
    ],
    [
      'another boot is tried',
      { node: testNode({ bootId: 'b2' }), record: testRecord(v1, failed('Load', v1)) },
      'Load v1',
    ],
    [
      'a failed unload is held',
      { module: undefined, record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1) }) },
      'held Unload v1',
    ],
    [
      'the failure of the other action does not count',
      { module: undefined, record: testRecord(v1, { ...loaded(v1), ...failed('Load', v1) }) },
      'Unload v1',
    ],
  ])('%s', (_name, change, expected) => {
    expect(brief(plan(change))).toBe(expected)
  })

  test('what failed is told', () => {
    expect(plan({ record: testRecord(v1, failed('Load', v1)) })).toMatchObject({
      failure: { reason: 'UnknownSymbol', message: 'modprobe: x', attempts: 2, node: 'n1', action: 'Load' },
    })
  })

  test('only a module in use is tried again by itself', () => {
    const of = (reason: string) =>
      plan({
        module: undefined,
        record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1, { reason }) }),
      })
    const failureOf = (result: NodePlan) => (result.kind === 'failed' ? result.failure : undefined)
    expect(retries(failureOf(of('InUse'))!)).toBe(true)
    expect(retries(failureOf(of('UnknownSymbol'))!)).toBe(false)
  })
})

describe('viewNodes', () => {
  const item = (plan: NodePlan, target = true) => ({ target, plan })
  const work = { node: 'n', uid: 'u', bootId: 'b', action: 'Load', configHash: 'c' } as const
  const failure = (reason: string): NodePlan => {
    const held: NodeFailure = { ...work, reason, message: 'm', attempts: 1 }
    return { kind: 'failed', failure: held, config: v1 }
  }
  const todo: NodePlan = { kind: 'work', work, config: v1 }

  test('counts every node once', () => {
    const view = viewNodes([
      item({ kind: 'loaded' }),
      item({ kind: 'loaded' }, false),
      item({ kind: 'idle' }, false),
      item({ kind: 'waiting' }),
      item({ kind: 'unreachable' }),
      item(todo),
      item(failure('InUse')),
      item(failure('KeyRejected')),
    ])
    expect(view.counts).toEqual({ targets: 6, loaded: 1, failed: 1, waiting: 3, unreachable: 1 })
  })

  test('a module in use is work and a failure, any other failure is no work', () => {
    const view = viewNodes([item(failure('InUse')), item(failure('KeyRejected'))])
    expect(view.work.map((w) => 'reason' in w && w.reason)).toEqual(['InUse'])
    expect(view.failures.map((f) => f.reason)).toEqual(['InUse', 'KeyRejected'])
  })

  test('lists are cut, counts are not', () => {
    const many = Array.from({ length: nodeWorkLimit + 1 }, () => item(todo))
    expect(viewNodes(many)).toMatchObject({ truncated: true, counts: { waiting: nodeWorkLimit + 1 } })
    expect(viewNodes(many).work).toHaveLength(nodeWorkLimit)
    expect(viewNodes(many.slice(1)).truncated).toBe(false)
    const held = many.map(() => item(failure('KeyRejected')))
    expect(viewNodes(held)).toMatchObject({ truncated: true, counts: { failed: nodeWorkLimit + 1 } })
    expect(viewNodes(held).failures).toHaveLength(nodeWorkLimit)
  })
})
