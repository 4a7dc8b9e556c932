import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { moduleReasons, nodeReasons, waitReasons, type WaitReason } from './eventReasons.ts'
import { kubernetesEvents } from './kubernetesEvents.ts'
import type { ModuleEvent } from './moduleEvent.ts'

const kernel = '6.1.0+'
const subject = { ref: { namespace: 'ns', name: 'fpga' }, kernel, workflowId: 'w', runId: 'r' }
const pod = { namespace: 'ns', name: 'fpga-build-a-1', uid: 'p1' }
const build = { pod, image: 'reg/i:1' }
const ended = {
  ...build,
  kind: 'BuildEnded',
  stage: 'build',
  reason: 'CompileFailed',
  message: 'no',
} as const
const onNode = { node: 'n1', bootId: 'b1', configHash: 'c1', podUid: 'w1', message: 'words' }
const failed = { ...onNode, kind: 'NodeFailed', reason: 'InUse' } as const
const hold = { key: 'failed:p1', reason: 'CompileFailed', message: 'no' }

/** Reason, type, about, annotations. */
type Said = readonly [string, string, string, object]
const byKernel = { 'kernel-version': kernel }
const byPod = { ...byKernel, 'pod-name': pod.name }
const byModule = { module: 'ns/fpga' }

const cases: readonly [string, ModuleEvent, readonly Said[]][] = [
  [
    'a build pod is made',
    { ...build, kind: 'BuildCreated', stage: 'build', attempt: 2, createdAt: '2026-01-01T00:00:00Z' },
    [['BuildCreated', 'Normal', 'Module', { ...byPod, 'pod-creation-timestamp': '2026-01-01T00:00:00Z' }]],
  ],
  ['a build succeeds', { ...ended, result: 'succeeded' }, [['BuildSucceeded', 'Normal', 'Module', byPod]]],
  ['a build fails', { ...ended, result: 'failed' }, [['BuildFailed', 'Warning', 'Module', byPod]]],
  [
    'the cluster ends a build',
    { ...ended, result: 'interrupted' },
    [['BuildInterrupted', 'Warning', 'Module', byPod]],
  ],
  [
    'a build is superseded',
    { kind: 'BuildStopped', stage: 'build', pod, why: 'superseded' },
    [['Superseded', 'Normal', 'Module', byPod]],
  ],
  [
    'a build is cancelled',
    { kind: 'BuildStopped', stage: 'build', pod, why: 'cancelled' },
    [['BuildCancelled', 'Normal', 'Module', byPod]],
  ],
  [
    'a sign pod is made',
    { ...build, kind: 'BuildCreated', stage: 'sign', attempt: 2, createdAt: '2026-01-01T00:00:00Z' },
    [['SignCreated', 'Normal', 'Module', { ...byPod, 'pod-creation-timestamp': '2026-01-01T00:00:00Z' }]],
  ],
  [
    'an image is signed',
    { ...ended, stage: 'sign', result: 'succeeded' },
    [['SignSucceeded', 'Normal', 'Module', byPod]],
  ],
  [
    'a signing fails',
    { ...ended, stage: 'sign', result: 'failed' },
    [['SignFailed', 'Warning', 'Module', byPod]],
  ],
  [
    'the cluster ends a signing',
    { ...ended, stage: 'sign', result: 'interrupted' },
    [['SignInterrupted', 'Warning', 'Module', byPod]],
  ],
  [
    'a signing is cancelled',
    { kind: 'BuildStopped', stage: 'sign', pod, why: 'cancelled' },
    [['SignCancelled', 'Normal', 'Module', byPod]],
  ],
  [
    'a module is loaded',
    { ...onNode, kind: 'NodeDone', action: 'Load' },
    [['ModuleLoaded', 'Normal', 'n1', byModule]],
  ],
  [
    'a module is unloaded',
    { ...onNode, kind: 'NodeDone', action: 'Unload' },
    [['ModuleUnloaded', 'Normal', 'n1', byModule]],
  ],
  [
    'a load fails',
    { ...failed, action: 'Load' },
    [
      ['LoadFailed', 'Warning', 'Module', byKernel],
      ['ModuleLoadFailed', 'Warning', 'n1', byModule],
    ],
  ],
  [
    'an unload fails',
    { ...failed, action: 'Unload' },
    [
      ['UnloadFailed', 'Warning', 'Module', byKernel],
      ['ModuleUnloadFailed', 'Warning', 'n1', byModule],
    ],
  ],
  [
    'a module is given up',
    { ...onNode, kind: 'LeftLoaded' },
    [['ModuleLeftLoaded', 'Warning', 'n1', byModule]],
  ],
  [
    'a rebuild is refused',
    { kind: 'RebuildRefused', why: 'no.', activity: 'r 1' },
    [['RebuildRefused', 'Warning', 'Module', byKernel]],
  ],
  [
    'an image is asked for',
    { kind: 'ImageAsked', image: 'i', by: 'registry', result: 'present', seconds: 1 },
    [],
  ],
  ['a hold begins: its cause was said', { kind: 'Held', hold }, []],
  ...waitReasons.map((reason): [string, ModuleEvent, readonly Said[]] => [
    `a kernel begins to wait: ${reason}`,
    { kind: 'Waits', reason, message: 'why', activity: 'r 1' },
    [[reason, 'Warning', 'Module', byKernel]],
  ]),
  [
    'a hold ends',
    { kind: 'HoldReleased', hold, activity: 'r 1' },
    [['HoldReleased', 'Normal', 'Module', byKernel]],
  ],
]
test.each(cases)('%s', (_name, event, said) => {
  const events = kubernetesEvents(subject, event)
  expect(
    events.map(({ reason, type, about, annotations }) => [
      reason,
      type,
      about === 'Module' ? about : about.node,
      annotations,
    ]),
  ).toEqual(said)
})

const sorted = (words: Iterable<string>) => [...words].toSorted((a, b) => (a < b ? -1 : 1))
test('docs/modules.md has every Event, and none that is not said', () => {
  const docs = readFileSync(new URL('../../docs/modules.md', import.meta.url), 'utf8')
  const listed = (object: string) => {
    const [, table = ''] = docs.split(new RegExp(`^\\| On ${object} .*\\n.*\\n`, 'm'))
    const rows = /^(\|.*\n)*/.exec(table)?.[0].split('\n') ?? []
    return sorted(rows.flatMap((row) => row.split('|')[1]?.match(/(?<=`)\w+(?=`)/g) ?? []))
  }
  const said = cases.flatMap(([, , events]) => events)
  const reasons = (test: (about: string) => boolean) =>
    sorted(new Set(said.filter(([, , about]) => test(about)).map(([reason]) => reason)))
  const onModule = reasons((about) => about === 'Module')
  const onNode = reasons((about) => about !== 'Module')
  expect(listed('the Module')).toEqual(onModule)
  expect(onModule).toEqual(sorted([...moduleReasons, ...waitReasons]))
  expect(listed('a Node')).toEqual(onNode)
  expect(onNode).toEqual(sorted(nodeReasons))
})

const moduleKey = (event: ModuleEvent) => kubernetesEvents(subject, event)[0]?.key
const nodeKey = (event: ModuleEvent) => kubernetesEvents(subject, event)[1]?.key
const load: ModuleEvent = { ...failed, action: 'Load' }

test('a fault of many nodes is one Event of the Module, and one of each Node', () => {
  const elsewhere = { ...load, node: 'n2', bootId: 'b2', message: 'other words' }
  expect(moduleKey(elsewhere)).toBe(moduleKey(load))
  expect(nodeKey(elsewhere)).not.toBe(nodeKey(load))
})
test.each<[string, ModuleEvent]>([
  ['reason', { ...load, reason: 'UnknownSymbol' }],
  ['config', { ...load, configHash: 'c2' }],
])('another %s is another fault', (_name, other) => {
  expect(moduleKey(other)).not.toBe(moduleKey(load))
  expect(nodeKey(other)).not.toBe(nodeKey(load))
})
test('what fails again after a retry of a person is said again, on the Module and on its Nodes', () => {
  const retried = { ...load, retries: 1 }
  expect(moduleKey({ ...retried, node: 'n2', bootId: 'b2' })).toBe(moduleKey(retried))
  for (const key of [moduleKey, nodeKey]) {
    expect(key({ ...retried, message: 'other words' })).toBe(key(retried))
    expect(key(retried)).not.toBe(key(load))
    expect(key({ ...retried, retries: 2 })).not.toBe(key(retried))
    // Every run counts for itself.
    const [ofModule, ofNode] = kubernetesEvents({ ...subject, runId: 'later' }, retried)
    expect([ofModule?.key, ofNode?.key]).not.toContain(key(retried))
  }
})
test('the end of a build is one Event, however it is seen; of the next pod it is another', () => {
  const first = moduleKey({ ...ended, result: 'failed' })
  expect(moduleKey({ ...ended, result: 'failed', message: 'other words' })).toBe(first)
  expect(moduleKey({ ...ended, result: 'failed', pod: { ...pod, uid: 'p2' } })).not.toBe(first)
})
test('what is loaded again in one boot, by another worker pod, is said again', () => {
  const loaded: ModuleEvent = { ...onNode, kind: 'NodeDone', action: 'Load' }
  expect(moduleKey({ ...loaded, message: 'other words' })).toBe(moduleKey(loaded))
  expect(moduleKey({ ...loaded, podUid: 'w2' })).not.toBe(moduleKey(loaded))
})
test('what a kernel waits for is said again when it begins again, and once while it is tried', () => {
  const waits = (activity: string, reason: WaitReason = 'SecretMissing') =>
    moduleKey({ kind: 'Waits', reason, message: 'why', activity })
  expect(waits('r 1')).toBe(waits('r 1'))
  expect(waits('r 2')).not.toBe(waits('r 1'))
  expect(waits('r 1', 'RegistryUnreachable')).not.toBe(waits('r 1'))
})
test('a hold that begins again and ends again is said again', () => {
  const released = (activity: string) => moduleKey({ kind: 'HoldReleased', hold, activity })
  expect(released('r 1')).toBe(released('r 1'))
  expect(released('r 2')).not.toBe(released('r 1'))
})
test.each([
  ['retry: the signal retryBuild', 'Kernel 6.1.0+ waits no more: InUse (retry: the signal retryBuild)'],
  [undefined, 'Kernel 6.1.0+ waits no more: InUse'],
])('a hold that %s ended', (by, message) => {
  const held = { key: 'k', reason: 'InUse', message: 'no', by }
  const [event] = kubernetesEvents(subject, { kind: 'HoldReleased', hold: held, activity: 'a' })
  expect(event?.message).toBe(message)
})

test('a failed build is said with the end of its error lines', () => {
  const errorLines = `${'x'.repeat(2_000)}\nmain.c:1: error: no such thing`
  const message = kubernetesEvents(subject, { ...ended, result: 'failed', errorLines })[0]?.message ?? ''
  expect(message).toMatch(
    /^Build job failed for kernel 6\.1\.0\+: CompileFailed: no\nx+\nmain\.c:1: error: no such thing$/,
  )
  expect(message.length).toBeLessThan(1_024)
})
