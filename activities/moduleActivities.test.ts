import { MockActivityEnvironment } from '@temporalio/testing'
import { describe, expect, test } from 'vitest'
import type { KernelStatus } from '../api/module.ts'
import { annotations } from '../api/names.ts'
import type { NodeModulesConfig } from '../api/nodeModulesConfig.ts'
import type { UnreadableModule } from '../api/readModule.ts'
import {
  guardedModule,
  testCluster,
  testConfig,
  testKernel,
  testRecord,
  testRef,
  unreadableModule,
} from '../api/testCluster.ts'
import type { Dependencies } from './dependencies.ts'
import type { EventSubject, ModuleEvent } from './events/moduleEvent.ts'
import { createModuleActivities } from './moduleActivities.ts'

/** Patches in the order in which they are sent; everything succeeds. */
function fakeKube() {
  const sent: string[] = []
  const patch = async (resource: { kind: string }, _ref: object, body: object) => {
    sent.push(`${resource.kind} ${JSON.stringify(body)}`)
    return { kind: 'written', object: { metadata: { resourceVersion: '2' } } }
  }
  return { sent, kube: { patch } }
}

function release(
  modules: ReturnType<typeof guardedModule>[],
  records: NodeModulesConfig[] = [],
  unreadable: UnreadableModule[] = [],
) {
  const { sent, kube } = fakeKube()
  const cache = { ...testCluster({ modules, records, unreadable }), caughtUp: async () => true }
  const activities = createModuleActivities({ kube, cache } as unknown as Dependencies)
  const uid = modules[0]?.metadata.uid ?? unreadable[0]?.metadata.uid ?? ''
  return { sent, done: activities.releaseModule({ subject: { ref: testRef, uid }, seen: {} }) }
}

describe('the annotation retry-build', () => {
  const entry = (kernel: string, phase: KernelStatus['phase'], failed = 0): KernelStatus => {
    return { kernel, phase, nodes: { targets: 1, loaded: 0, failed, waiting: 0 } }
  }
  const kernels = [
    entry('built', 'Loaded'),
    entry('building', 'Building'),
    entry('failed', 'BuildFailed'),
    entry('cancelled', 'Cancelled'),
    entry('loading', 'Loading', 1),
  ]
  test.each([
    ['all', ['failed', 'cancelled', 'loading']],
    ['failed', ['failed']],
    ['building', []],
    ['unknown', []],
  ])('%s: what may be held is retried, and it is taken off whatever was', async (value, retried) => {
    const module = guardedModule({}, { status: { kernels } })
    const metadata = { ...module.metadata, annotations: { [annotations.retryBuild]: value } }
    const { sent, kube } = fakeKube()
    const cache = { ...testCluster({ modules: [{ ...module, metadata }] }), caughtUp: async () => true }
    const runs = {
      retryKernel: async ({ kernel }: { kernel: string }, by: string) => void sent.push(`${kernel} by ${by}`),
    }
    const activities = createModuleActivities({ kube, cache, runs } as unknown as Dependencies)
    const answer = await activities.takeRetry({ subject: { ref: testRef, uid: 'uid-1' }, seen: {} })
    const off = { uid: 'uid-1', resourceVersion: '1', annotations: { [annotations.retryBuild]: null } }
    const signals = retried.map((kernel) => `${kernel} by the annotation retry-build`)
    expect(sent).toEqual([...signals, `Module ${JSON.stringify({ metadata: off })}`])
    expect(answer).toEqual({ seen: { Module: '2' } })
  })
})

describe('images:MIC-10 Better: the annotation rebuild', () => {
  const image = `reg.example/fpga:${testKernel}`
  const build = { dockerfileConfigMap: { name: 'd' } }
  const configMaps = [{ namespace: testRef.namespace, name: 'd', dockerfile: 'FROM x' }]
  const taken: Partial<KernelStatus> = { rebuild: { from: 2 } }
  const refusal = (kernel: string, why: string) => `RebuildRefused ${kernel}: ${why}`
  const noBuild =
    'its mapping has no build section. Add build to the mapping, or push the image and change spec.imageRebuildTriggerGeneration.'
  test.each<[string, string, Partial<KernelStatus>, boolean, string[] | undefined]>([
    ['not taken up yet: it stays', 'all', {}, true, undefined],
    ['taken up', 'all', taken, true, []],
    ['for this kernel', testKernel, taken, true, []],
    [
      'held: it is a retry too',
      'all',
      { ...taken, phase: 'BuildFailed' },
      true,
      [`${testKernel} by the annotation rebuild`],
    ],
    ['without build', 'all', {}, false, [refusal(testKernel, noBuild)]],
    [
      'of an unknown kernel',
      '5.10',
      {},
      true,
      [refusal('5.10', 'no image is wanted for it. Name a kernel of status.kernels, or "all".')],
    ],
  ])('%s', async (_name, value, change, builds, did) => {
    const digest = `sha256:${'1'.repeat(64)}`
    const kernels = [{ kernel: testKernel, phase: 'Loaded', image, digest, ...change } as KernelStatus]
    const module = guardedModule({ mapping: builds ? { build } : {} }, { status: { kernels } })
    const metadata = { ...module.metadata, annotations: { [annotations.rebuild]: value } }
    const { sent, kube } = fakeKube()
    const cluster = testCluster({ modules: [{ ...module, metadata }], configMaps })
    const cache = { ...cluster, caughtUp: async () => true }
    const runs = {
      retryKernel: async ({ kernel }: { kernel: string }, by: string) => void sent.push(`${kernel} by ${by}`),
    }
    const observe = ({ kernel }: EventSubject, event: ModuleEvent) =>
      void (event.kind === 'RebuildRefused' && sent.push(refusal(kernel, event.why)))
    const events = { record: async () => undefined }
    const activities = createModuleActivities({
      kube,
      cache,
      runs,
      observe,
      events,
    } as unknown as Dependencies)
    const request = { subject: { ref: testRef, uid: 'uid-1' }, seen: {} }
    await new MockActivityEnvironment().run(async () => await activities.takeRebuild(request))
    const off = { uid: 'uid-1', resourceVersion: '1', annotations: { [annotations.rebuild]: null } }
    expect(sent).toEqual(did === undefined ? [] : [...did, `Module ${JSON.stringify({ metadata: off })}`])
  })
})

describe('the annotation cancel-build', () => {
  const entry = (kernel: string, phase: KernelStatus['phase']): KernelStatus => ({ kernel, phase })
  const kernels = [
    entry('loaded', 'Loaded'),
    entry('asking', 'CheckingImage'),
    entry('building', 'Building'),
    entry('failed', 'BuildFailed'),
    { ...entry('again', 'BuildFailed'), rebuild: { from: 2 } },
  ]
  test.each([
    ['all', ['asking', 'building', 'again']],
    ['building', ['building']],
    ['failed', []],
  ])('%s: builds that are under way are cancelled, and it is taken off', async (value, cancelled) => {
    const module = guardedModule({}, { status: { kernels } })
    const metadata = { ...module.metadata, annotations: { [annotations.cancelBuild]: value } }
    const { sent, kube } = fakeKube()
    const cache = { ...testCluster({ modules: [{ ...module, metadata }] }), caughtUp: async () => true }
    const runs = { cancelKernel: async ({ kernel }: { kernel: string }) => void sent.push(kernel) }
    const activities = createModuleActivities({ kube, cache, runs } as unknown as Dependencies)
    await activities.takeCancel({ subject: { ref: testRef, uid: 'uid-1' }, seen: {} })
    const off = { uid: 'uid-1', resourceVersion: '1', annotations: { [annotations.cancelBuild]: null } }
    expect(sent).toEqual([...cancelled, `Module ${JSON.stringify({ metadata: off })}`])
  })
})

test('the guard of the namespace goes before the finalizer: nobody is left afterwards', async () => {
  const { sent, done } = release([guardedModule({}, { deleting: true })])
  await done
  const label = expect.stringMatching(/^Namespace .*contains-modules":null/)
  expect(sent).toEqual([label, expect.stringMatching(/^Module .*"finalizers":\[\]/)])
})

const named = (name: string, deleting: boolean) => {
  const module = guardedModule({}, { deleting })
  return { ...module, metadata: { ...module.metadata, name, uid: name } }
}
const kinds = (sent: readonly string[]) => sent.map((line) => line.split(' ')[0])

test('it stays while the namespace has another Module', async () => {
  const { sent, done } = release([guardedModule({}, { deleting: true }), named('other', false)])
  await done
  expect(kinds(sent)).toEqual(['Module'])
})

test('it stays while the namespace has one that cannot be read', async () => {
  const { metadata } = named('other', false)
  const { sent, done } = release(
    [guardedModule({}, { deleting: true })],
    [],
    [unreadableModule({ metadata })],
  )
  await done
  expect(kinds(sent)).toEqual(['Module'])
})

test('one that cannot be read is released like any other', async () => {
  const { sent, done } = release([], [], [unreadableModule({ deleting: true })])
  await done
  expect(kinds(sent)).toEqual(['Namespace', 'Module'])
})

test('it stays while another Module is still being unloaded', async () => {
  const other = named('other', true)
  const record = testRecord(testConfig(), undefined, { ref: other.metadata })
  const { sent, done } = release([guardedModule({}, { deleting: true }), other], [record])
  await done
  expect(kinds(sent)).toEqual(['Module'])
})

test('of two Modules that leave at the same time neither counts on the other', async () => {
  const { sent, done } = release([guardedModule({}, { deleting: true }), named('other', true)])
  await done
  expect(kinds(sent)).toEqual(['Namespace', 'Module'])
})

test.each<[string, Parameters<typeof release>]>([
  ['that nobody has deleted', [[guardedModule()]]],
  [
    'that is still loaded',
    [[guardedModule({}, { deleting: true })], [testRecord(testConfig(), { config: testConfig() })]],
  ],
])('a Module %s keeps its finalizer, whatever a workflow says', async (_name, of) => {
  const { sent, done } = release(...of)
  await expect(done).rejects.toMatchObject({ type: 'ModuleRemains' })
  expect(sent).toEqual([])
})
