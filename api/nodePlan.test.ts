import { describe, expect, test } from 'vitest'
import type { NodeFacts } from './facts.ts'
import {
  leftLoaded,
  moduleConfigHash,
  type ModuleConfig,
  type ModuleStatusEntry,
} from './nodeModulesConfig.ts'
import { readyLabel } from './names.ts'
import { planNode, type NodePlan, type NodePlanInput } from './nodePlan.ts'
import {
  cordoned,
  guardedModule,
  testConfig,
  testNode,
  testRecord,
  testRef,
  testWorkerPod,
} from './testCluster.ts'

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

const entryOf = (config: ModuleConfig) => ({ ...testRef, serviceAccountName: 'default', config })
const wants = (config: ModuleConfig): NodePlanInput['wanted'] => ({ kind: 'entry', entry: entryOf(config) })
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
    pod: undefined,
    wanted: wants(v1),
    ...change,
  })
}
/** A node that says that the module is loaded. */
const labelled = (change: Partial<NodeFacts> = {}) =>
  testNode({ labels: { [readyLabel(testRef)]: '' }, ...change })

/** `Load` and the like with the config it is about, or the kind of the plan. */
function brief(result: NodePlan): string {
  const config = (c: ModuleConfig) => (c === v1 ? 'v1' : c === v2 ? 'v2' : c === otherKernel ? 'old' : '?')
  switch (result.kind) {
    case 'work':
      return `${result.work.action} ${config(result.entry.config)}`
    case 'failed':
      return `failed ${result.failure.action} ${config(result.entry.config)}`
    case 'follow':
      return `follow ${result.work.action}`
    case 'settle':
    case 'leave':
    case 'tidy':
      return result.work.action
    default:
      return result.kind
  }
}

const left = { ...loaded(v1), ...failed('Unload', v1, { reason: leftLoaded }) }
const forced = (giveUp: 'failing' | 'all') => ({ module: guardedModule({}, { deleting: true }), giveUp })

describe('nodes:STM-6, what one node needs', () => {
  const away = testNode({ ready: false })
  const cordonedNode = labelled({ taints: [cordoned] })
  const newcomer = testNode({ taints: [cordoned] })
  const rebooted = testNode({ bootId: 'b2' })
  test.each<[string, Partial<NodePlanInput>, string]>([
    ['nothing there: load', {}, 'Load v1'],
    ['loaded in this boot: nothing', { node: labelled(), record: testRecord(v1, loaded(v1)) }, 'loaded'],
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
    [
      'unready but loaded: nothing',
      { node: labelled({ ready: false }), record: testRecord(v1, loaded(v1)) },
      'loaded',
    ],
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
      'Forget',
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
      'also in another kernel',
      {
        module: undefined,
        node: rebooted,
        record: testRecord(otherKernel, { ...loaded(otherKernel), firmwareHostPath: '/lib/firmware' }),
      },
      'Unload old',
    ],
    [
      'and while the image for that kernel is made',
      {
        wanted: unverified,
        node: rebooted,
        record: testRecord(otherKernel, { ...loaded(otherKernel), firmwareHostPath: '/lib/firmware' }),
      },
      'Unload old',
    ],
    [
      'what was only written down is forgotten',
      { module: undefined, record: testRecord(v1, undefined) },
      'Forget',
    ],
    [
      'a fact without a wish is unloaded',
      { module: undefined, record: testRecord(undefined, loaded(v1)) },
      'Unload v1',
    ],
    [
      'a load that failed is forgotten when it is wanted no more',
      { module: undefined, record: testRecord(v1, failed('Load', v1)) },
      'Forget',
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
      'Forget',
    ],
    [
      'given up under a former Module of this name: unloaded, then loaded',
      { record: testRecord(undefined, left) },
      'Unload v1',
    ],
    [
      'forced: a node that is away is given up',
      { ...forced('failing'), node: away, record: testRecord(v1, loaded(v1)) },
      'Leave',
    ],
    [
      'forced: also when only the wish is known',
      { ...forced('failing'), node: away, record: testRecord(v1, undefined) },
      'Leave',
    ],
    [
      'forced: a node that can be reached is unloaded all the same',
      { ...forced('failing'), record: testRecord(v1, loaded(v1)) },
      'Unload v1',
    ],
    [
      'forced: unless that fails',
      { ...forced('failing'), record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1) }) },
      'Leave',
    ],
    [
      'forced: or its worker pod cannot start',
      { ...forced('all'), record: testRecord(v1, loaded(v1)) },
      'Leave',
    ],
    ['image not verified, nothing there: wait', { wanted: unverified }, 'waiting'],
    [
      'image not verified: what is loaded stays',
      { node: labelled(), wanted: unverified, record: testRecord(v1, loaded(v1)) },
      'loaded',
    ],
    [
      'image not verified: a reboot loads what was verified last',
      { wanted: unverified, node: rebooted, record: testRecord(v1, loaded(v1)) },
      'Load v1',
    ],
    [
      'image not verified: what another kernel had is forgotten',
      { wanted: unverified, node: rebooted, record: testRecord(otherKernel, loaded(otherKernel)) },
      'Forget',
    ],
    [
      'image not verified: what is loaded without a wish stays until it is',
      { wanted: unverified, record: testRecord(undefined, loaded(v1)) },
      'waiting',
    ],
    [
      'cordoned and rebooted into another kernel: what the old one had is forgotten',
      {
        node: testNode({ bootId: 'b2', taints: [cordoned] }),
        record: testRecord(otherKernel, loaded(otherKernel)),
      },
      'Forget',
    ],
    [
      'cordoned while it is being unloaded for a new config: it stays',
      { node: cordonedNode, record: testRecord(v1, loaded(v1)), wanted: wants(v2) },
      'loaded',
    ],
    [
      'cordoned while it is being unloaded from a node no longer selected: it is unloaded',
      { node: cordonedNode, module: deselecting, record: testRecord(v1, loaded(v1)) },
      'Unload v1',
    ],
    [
      'rebooted while cordoned: what it had is loaded again',
      { node: labelled({ bootId: 'b2', taints: [cordoned] }), record: testRecord(v1, loaded(v1)) },
      'Load v1',
    ],
    ['image not verified and unready', { wanted: unverified, node: away }, 'unreachable'],
    ['cordoned: nothing new', { node: newcomer }, 'idle'],
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
    ['the same command is held', { record: testRecord(v1, failed('Load', v1)) }, 'failed Load v1'],
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
      'failed Unload v1',
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

  test('what is tried again by itself says when', () => {
    const retryAt = '2026-01-01T00:05:00Z'
    const record = testRecord(v1, { ...loaded(v1), ...failed('Unload', v1, { reason: 'InUse', retryAt }) })
    expect(plan({ module: undefined, record })).toMatchObject({ failure: { retryAt, notBefore: retryAt } })
    expect(plan({ record: testRecord(v1, failed('Load', v1)) })).not.toHaveProperty('failure.notBefore')
  })
})

describe('nodes:BOOT-6, the label `...ready`', () => {
  const rebooted = labelled({ bootId: 'b2' })
  test.each<[string, Partial<NodePlanInput>, string]>([
    ['a load takes it away itself, first', { node: rebooted, record: testRecord(v1, loaded(v1)) }, 'Load v1'],
    [
      'rebooted, not back yet: withdrawn',
      { node: labelled({ bootId: 'b2', ready: false }), record: testRecord(v1, loaded(v1)) },
      'Relabel',
    ],
    [
      'nothing is loaded, its image is not verified: withdrawn',
      { node: labelled(), wanted: unverified },
      'Relabel',
    ],
    [
      'the load failed: withdrawn',
      { node: labelled(), record: testRecord(v1, failed('Load', v1)) },
      'Relabel',
    ],
    ['nothing is wanted nor there: withdrawn', { node: labelled(), module: undefined }, 'Relabel'],
    ['loaded: given', { record: testRecord(v1, loaded(v1)) }, 'Relabel'],
    [
      'an unload that failed and is wanted no more: taken back',
      {
        node: labelled(),
        record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1, { reason: 'InUse' }) }),
      },
      'Relabel',
    ],
    [
      'a reload that failed: it stays away',
      { wanted: wants(v2), record: testRecord(v1, { ...loaded(v1), ...failed('Unload', v1) }) },
      'failed Unload v1',
    ],
  ])('%s', (_name, change, expected) => {
    expect(brief(plan(change))).toBe(expected)
  })

  test('a node without its label has its module all the same', () => {
    expect(plan({ record: testRecord(v1, loaded(v1)) })).toMatchObject({ loaded: true })
    expect(plan({ node: labelled(), module: undefined })).toMatchObject({ loaded: false })
  })
})

describe('nodes:STM-7, the worker pod that is there', () => {
  const running = { kind: 'running' } as const
  const done = { kind: 'succeeded', message: '', finishedAt: '' } as const
  const load = testWorkerPod('Load', v1)
  const begun = testWorkerPod('Load', v1, { state: running })
  const unload = testWorkerPod('Unload', v1)
  const isLoaded = testRecord(v1, loaded(v1))
  const asked = testRecord(v1, undefined)
  const { runsLoader: _runsLoader, ...unprivileged } = begun
  test.each<[string, Partial<NodePlanInput>, string]>([
    ['that no record asked for, and nothing is wanted: ended', { pod: begun, module: undefined }, 'Settle'],
    [
      'for another config than the record asked for: ended',
      { pod: begun, record: testRecord(v2, undefined), module: undefined },
      'Settle',
    ],
    [
      'an unload of what is not loaded: ended',
      { pod: { ...unload, state: running }, record: asked },
      'Settle',
    ],
    [
      'under another name: ended',
      { pod: { ...begun, name: 'kmm-worker-n1-fpga' }, record: asked, module: undefined },
      'Settle',
    ],
    [
      'on another node: ended',
      { pod: { ...begun, nodeName: 'n2' }, record: asked, module: undefined },
      'Settle',
    ],
    [
      'that cannot load modules: ended',
      { pod: { ...unprivileged, state: done }, record: asked, module: undefined },
      'Settle',
    ],
    [
      'running before the record is seen, and just what is wanted: taken for the one to be made',
      { pod: begun },
      'Load v1',
    ],
    ['not begun and wanted: waited for', { pod: load }, 'Load v1'],
    ['not begun, and another config is wanted: ended', { pod: load, wanted: wants(v2) }, 'Settle'],
    ['not begun, and the other action is wanted: ended', { pod: unload }, 'Settle'],
    ['not begun, and nothing is wanted: ended', { pod: load, module: undefined }, 'Settle'],
    [
      'an unload not begun, and the module is wanted again: ended',
      { pod: unload, record: isLoaded },
      'Settle',
    ],
    ['of another boot: ended', { pod: load, node: testNode({ bootId: 'b2' }) }, 'Settle'],
    ['running in another boot: ended', { pod: begun, node: testNode({ bootId: 'b2' }) }, 'Settle'],
    ['without a command: ended', { pod: { ...begun, annotations: {} } }, 'Settle'],
    [
      'made with another ServiceAccount, not begun: ended',
      { pod: testWorkerPod('Load', v1, { access: 'x' }) },
      'Settle',
    ],
    [
      'without a word of its access: waited for',
      { pod: testWorkerPod('Load', v1, { access: '' }) },
      'Load v1',
    ],
    ['running: followed', { pod: begun, record: asked }, 'follow Load'],
    [
      'running, and another config is wanted: followed',
      { pod: begun, wanted: wants(v2), record: asked },
      'follow Load',
    ],
    [
      'running, and nothing is wanted: followed',
      { pod: begun, module: undefined, record: asked },
      'follow Load',
    ],
    ['ended: followed', { pod: { ...load, state: done }, record: asked }, 'follow Load'],
    [
      'an unload that runs: followed',
      { pod: { ...unload, state: running }, record: isLoaded },
      'follow Unload',
    ],
    [
      'ended and written down: followed until it is gone',
      { node: labelled(), pod: { ...load, state: done }, record: isLoaded },
      'follow Load',
    ],
    ['its node is away: left alone', { pod: begun, node: testNode({ ready: false }) }, 'unreachable'],
    [
      'tried again: waited for, whatever came of the try before',
      { pod: load, record: testRecord(v1, failed('Load', v1)) },
      'Load v1',
    ],
  ])('%s', (_name, change, expected) => {
    expect(brief(plan(change))).toBe(expected)
  })

  test('a pod that goes does not keep its module from counting as loaded', () => {
    const node = labelled()
    expect(plan({ node, pod: { ...load, state: done }, record: isLoaded })).toMatchObject({ loaded: true })
    expect(plan({ node, pod: { ...load, state: done }, record: testRecord(v1, undefined) })).toMatchObject({
      loaded: false,
    })
  })

  test.each([
    ['ErrImagePull', 'failed to resolve reference "r/a": r/a: not found'],
    [
      'ImagePullBackOff',
      'Back-off pulling image "r/a": ErrImagePull: failed to resolve reference "r/a": r/a: not found',
    ],
  ])("%s: the registry's words, once, and what helps", (reason, message) => {
    const trouble = {
      reason: 'ImagePullBackOff',
      message:
        `pod ${load.name}: failed to resolve reference "r/a": r/a: not found. If the registry has lost the image, ` +
        'raise spec.imageRebuildTriggerGeneration: it is looked for and built again.',
    }
    expect(plan({ pod: { ...load, state: { kind: 'pending', reason, message } } })).toMatchObject({
      work: { trouble },
    })
  })
})
