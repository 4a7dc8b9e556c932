import type { BuildPodView, KernelView } from '../../api/kernelView.ts'
import type { KernelStatus } from '../../api/module.ts'
import type { NodeFailure, NodeWork } from '../../api/nodePlan.ts'
import type { NodesView } from '../../api/nodesView.ts'
import type { RunIdentity } from './describe.ts'
import type { BuildFailure, BuildInterruption, KernelMemory } from './plan.ts'

export const testImage = 'reg.example/fpga:6.1.0'
export const testHash = 'a'.repeat(40)

export const testRun: RunIdentity = {
  namespace: 'drivers',
  name: 'fpga',
  kernel: '6.1.0',
  workflowId: 'module:c:drivers:fpga:6.1.0',
  runId: 'run-1',
  now: '2026-02-02T00:00:00Z',
}

/** A run that has learnt nothing. */
export const fresh: KernelMemory = { released: [], refused: {} }
/** One that knows that the registry has no image. */
export const absent: KernelMemory = {
  ...fresh,
  answers: [{ kind: 'absent', image: testImage, generation: null }],
}

/** Nodes of which all targets are loaded, but for the change. */
export function testNodes(
  change: Omit<Partial<NodesView>, 'counts'> & { readonly counts?: Partial<NodesView['counts']> } = {},
): NodesView {
  const { counts, ...rest } = change
  const settled = { targets: 1, loaded: 1, failed: 0, waiting: 0, unreachable: 0 }
  return {
    work: [],
    failures: [],
    truncated: false,
    maxParallel: 200,
    ...rest,
    counts: { ...settled, ...counts },
  }
}

export const nothingLoaded = testNodes({ counts: { loaded: 0, waiting: 1 } })
export const testWork: NodeWork = { node: 'n1', uid: 'u1', bootId: 'b1', action: 'Load', configHash: 'c1' }

export function testFailure(reason: string, node = 'n1'): NodeFailure {
  const at = '2026-02-01T00:00:00Z'
  return { ...testWork, node, uid: `uid-${node}`, reason, message: 'modprobe: x', attempts: 1, at }
}

/** A module in use, tried again at noon. */
export const testRetry: NodeFailure = {
  ...testFailure('InUse'),
  retryAt: '2026-02-02T12:00:00Z',
  notBefore: '2026-02-02T12:00:00Z',
}

/** The view of a kernel whose image is wanted and can be built; nothing is there yet. */
export function testView(change: Partial<KernelView> = {}): KernelView {
  const build = { kind: 'ready', inputHash: testHash } as const
  const wish = { kind: 'wanted', image: testImage, generation: null, build } as const
  return {
    module: 'alive',
    generation: 1,
    wish,
    architectures: ['amd64'],
    pods: [],
    nodes: nothingLoaded,
    ...change,
  }
}

export function testPod(change: Partial<BuildPodView> = {}): BuildPodView {
  const facts = {
    name: 'fpga-build-aaaaaaaa-1',
    uid: 'pod-1',
    image: testImage,
    inputHash: testHash,
    attempt: 1,
  }
  return { ...facts, state: 'active', ...change }
}

export const testBuildFailure: BuildFailure = {
  inputHash: testHash,
  attempt: 1,
  pod: 'fpga-build-aaaaaaaa-1',
  podUid: 'pod-1',
  reason: 'BuildCommandFailed',
  message: 'A command failed.',
  errorLines: 'error: x',
}

/** The interruption of an attempt of the test inputs. */
export function testInterruption(attempt = 1, reason = 'Evicted'): BuildInterruption {
  const at = `2026-01-01T00:00:0${attempt}Z`
  return { inputHash: testHash, attempt, reason, message: 'low on memory.', at }
}

/** A status in which the cluster has ended attempts 1 to `count` of the test inputs. */
export function interruptedEntry(count: number, change: Partial<KernelStatus> = {}): KernelStatus {
  const interruptions = Array.from({ length: count }, (_, i) => {
    const { inputHash: _hash, ...interruption } = testInterruption(i + 1)
    return interruption
  })
  const facts = { inputHash: testHash, attempt: count, buildPod: `fpga-build-aaaaaaaa-${count}` }
  return { kernel: '6.1.0', phase: 'Building', image: testImage, ...facts, interruptions, ...change }
}
