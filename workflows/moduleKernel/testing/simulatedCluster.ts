import type { WorkflowHandle } from '@temporalio/client'
import { ApplicationFailure } from '@temporalio/common'
import { expect } from 'vitest'
import type {
  BuildOutcome,
  BuildStart,
  HoldNews,
  ImageAnswer,
  KernelActivities,
  NodeOutcome,
  Seen,
} from '../../../activities/contract.ts'
import type { BuildPodView, BuildWish, KernelView, UnsignedWish } from '../../../api/kernelView.ts'
import { viewRebuild } from '../../../api/rebuild.ts'
import type { NodeWork } from '../../../api/nodePlan.ts'
import { useTemporalRuns } from '../../testing/temporalRuns.ts'
import type { moduleKernel } from '../workflow.ts'

export const image = 'reg.example/fpga:6.1.0'
export const hash = 'a'.repeat(40)
export const digest = `sha256:${'1'.repeat(64)}`
export const architectures = ['amd64']

/** What activities do to the world is simulated, by a few variables that stand for the cluster and the registry. */
export class SimulatedCluster implements KernelActivities {
  image: ImageAnswer = { kind: 'absent' }
  outcomes: BuildOutcome[] = []
  pods: BuildPodView[] = []
  inputHash = hash
  configHash = 'c1'
  nodeWork: 'none' | 'load' | 'loaded' = 'none'
  stored: KernelView['stored']
  calls: string[] = []
  build: BuildWish | undefined
  /** What is signed. */
  unsigned: UnsignedWish | undefined
  holdNews: HoldNews | undefined
  /** What was asked in the last look at a hold. */
  looked: Parameters<KernelActivities['watchHold']>[0] | undefined
  rival: KernelView['rival']
  /** Pause between two looks at a hold. */
  holdPaceMs = 100
  lostNode: string | undefined
  /** The annotation `rebuild` stands. */
  rebuildAsked = false
  /** The registry forgets what builds push. */
  losesPushes = false
  /** What happens while a build runs. */
  whileBuilding: () => Promise<void> = async () => undefined
  /** What happens while the run reads the view. */
  meanwhile: () => Promise<void> = async () => undefined
  /** How often the run has read the view. */
  reads = 0
  /** Where pods of interrupted builds are: kept as failed ones, or taken away. */
  interruptedPods: 'kept' | 'gone' = 'kept'

  async readKernel() {
    this.reads++
    await this.meanwhile()
    const generation = null
    const wish = {
      kind: 'wanted',
      image,
      generation,
      build: this.build ?? { kind: 'ready', inputHash: this.inputHash },
      ...(this.unsigned && { signs: true as const, unsigned: this.unsigned }),
    } as const
    const rebuild = viewRebuild(this.rebuildAsked, wish, this.stored, this.pods)
    const known = rebuild.rebuildFrom === undefined ? this.stored?.digest : undefined
    const verified = known === undefined ? {} : { digest: known }
    const work =
      this.nodeWork === 'load' && this.stored?.digest !== undefined
        ? [{ node: 'n1', uid: 'u1', bootId: 'b1', action: 'Load', configHash: this.configHash } as const]
        : []
    const loaded = this.nodeWork === 'loaded' ? 1 : 0
    const counts = { targets: 1, loaded, failed: 0, waiting: 1 - loaded, unreachable: 0 }
    const nodes = { work, failures: [], truncated: false, counts, maxParallel: 200 }
    const stored = this.stored === undefined ? {} : { stored: this.stored }
    const view: KernelView = {
      module: 'alive',
      generation: 1,
      wish,
      architectures,
      pods: this.pods,
      ...rebuild,
      nodes,
      ...(this.rival === undefined ? {} : { rival: this.rival }),
      ...(this.lostNode === undefined ? {} : { lostNode: this.lostNode }),
      ...verified,
      ...stored,
    }
    return { uid: 'uid-1', view }
  }
  async reportKernel({ entry }: { entry: KernelView['stored'] }) {
    this.stored = entry
    this.calls.push(`report ${entry?.phase}`)
    return { seen: {} }
  }
  async checkImage() {
    this.calls.push('check')
    return this.image
  }
  async createBuildPod({
    inputHash,
    attempt,
    rebuild,
  }: {
    inputHash: string
    attempt: number
    rebuild?: true
  }): Promise<BuildStart> {
    this.calls.push(`create ${attempt}${rebuild ? ' again' : ''}`)
    const pod = {
      name: `p-${attempt}`,
      uid: `pod-${inputHash[0]}-${attempt}`,
      image,
      inputHash,
      attempt,
      state: 'active',
    } as const
    this.pods = [...this.pods, pod]
    const seen = { Pod: '7' }
    return { kind: 'created', pod: { namespace: 'ns', name: pod.name, uid: pod.uid }, seen } as const
  }
  async followBuildPod({ pod, seen }: { pod: { name: string; uid: string }; seen: Seen }) {
    this.calls.push(`follow ${pod.name} as of ${seen['Pod']}`)
    await this.whileBuilding()
    const outcome = this.outcomes.shift() ?? ({ kind: 'succeeded', digest, log: 'built' } as const)
    const state = outcome.kind === 'succeeded' ? 'succeeded' : 'failed'
    const gone = outcome.kind === 'interrupted' && this.interruptedPods === 'gone'
    if (gone) this.pods = this.pods.filter((p) => p.uid !== pod.uid)
    if (outcome.kind === 'succeeded' && !this.losesPushes)
      this.image = { kind: 'present', digest, architectures }
    this.pods = this.pods.map((p) =>
      p.uid === pod.uid ? { ...p, state, collectAt: '2020-01-01T00:00:00Z' } : p,
    )
    return outcome
  }
  async removeBuildPod({ pod }: { pod: { name: string; uid: string } }) {
    this.calls.push(`remove ${pod.name}`)
    this.pods = this.pods.filter((p) => p.uid !== pod.uid)
  }
  async watchHold(request: Parameters<KernelActivities['watchHold']>[0]) {
    this.looked = request
    if (this.holdNews !== undefined) return this.holdNews
    this.calls.push('look')
    throw ApplicationFailure.create({ message: 'still held', nextRetryDelay: this.holdPaceMs })
  }
  async workOnNode(_request: { work: NodeWork }): Promise<NodeOutcome> {
    this.calls.push('load n1')
    this.nodeWork = 'loaded'
    return { kind: 'done', message: '', seen: {} } as const
  }
}

export const kernelStatus = { kernel: '6.1.0', image } as const

export const failure = {
  kind: 'failed',
  reason: 'BuildCommandFailed',
  message: 'A command failed',
  errorLines: 'error: x',
  log: 'the log',
} as const satisfies BuildOutcome

export const evicted = {
  kind: 'interrupted',
  reason: 'Evicted',
  message: 'The node was low on memory.',
  log: 'half a build',
} as const satisfies BuildOutcome

/** How a test runs the workflow: on a worker of its own, until `body` has ended. */
type WithRun = (
  cluster: SimulatedCluster,
  body: (run: WorkflowHandle<typeof moduleKernel>) => Promise<void>,
  options?: {
    /** A signal that starts the run. */
    readonly first?: 'retryBuild'
    readonly rerunPauseMs?: number
    readonly quietMs?: number
  },
) => Promise<void>

/** The workflow on a real Temporal server; call it at the top of a test file. */
export function useKernelRuns(): WithRun {
  const withRun = useTemporalRuns<typeof moduleKernel>()
  return async (cluster, body, { first, rerunPauseMs = 100, quietMs = 50 } = {}) => {
    const subject = { ref: { namespace: 'ns', name: 'fpga' }, uid: 'uid-1', kernel: '6.1.0' }
    await withRun(
      cluster,
      async ({ workflow }, at) => {
        const input = { subject, watchQueue: at.taskQueue, quietMs, rerunPauseMs, seen: {} }
        const start = { ...at, args: [input] as Parameters<typeof moduleKernel> }
        return first === undefined
          ? await workflow.start<typeof moduleKernel>('moduleKernel', start)
          : await workflow.signalWithStart<typeof moduleKernel, [object]>('moduleKernel', {
              ...start,
              signal: first,
              signalArgs: [{}],
            })
      },
      body,
    )
  }
}

/** Waits until the run says it is held. */
export async function held(cluster: SimulatedCluster) {
  await expect.poll(() => cluster.stored?.phase, { timeout: 60_000 }).toBe('BuildFailed')
}
export const news = { changes: [{ kind: 'Pod', name: 'p', resourceVersion: '1' }] }
