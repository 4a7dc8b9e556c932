import { once } from 'node:events'
import { Context } from '@temporalio/activity'
import { expect, test } from 'vitest'
import type { HoldChanges, KernelSubject, NodeOutcome, StopCause } from '../../activities/contract.ts'
import { heartbeating } from '../../activities/heartbeat.ts'
import type { KernelView } from '../../api/kernelView.ts'
import { doorbell, retryBuild } from '../messages.ts'
import {
  architectures,
  digest,
  failure,
  held,
  news,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()

/** Notes what a run tells of its holds and of builds it ends. */
class NotingCluster extends SimulatedCluster {
  readonly told: string[] = []
  override async reportKernel(request: { entry: KernelView['stored']; holds?: HoldChanges }) {
    for (const { reason } of request.holds?.begun ?? []) this.told.push(`held ${reason}`)
    for (const { reason, by } of request.holds?.ended ?? []) this.told.push(`released ${reason}, ${by}`)
    return await super.reportKernel(request)
  }
  override async removeBuildPod(request: {
    pod: { name: string; uid: string }
    stopped?: { subject: KernelSubject; why: StopCause }
  }): Promise<void> {
    if (request.stopped !== undefined)
      this.told.push(`${request.stopped.why} ${request.pod.name} of ${request.stopped.subject.kernel}`)
    await super.removeBuildPod(request)
  }
}
const methods = ['reportKernel', 'removeBuildPod'] as const
function notingCluster(): NotingCluster {
  const cluster = new NotingCluster()
  // Workers of these tests take the methods of a cluster by the names of its base.
  for (const method of methods)
    Object.defineProperty(cluster, method, { value: cluster[method].bind(cluster) })
  return cluster
}

test('a hold is told when it begins and when it ends, once each', async () => {
  const cluster = notingCluster()
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await held(cluster)
    await run.signal(doorbell, news)
    expect(cluster.told).toEqual(['held BuildCommandFailed'])
    cluster.nodeWork = 'loaded'
    await run.signal(retryBuild, {})
    await run.result()
    expect(cluster.told).toEqual([
      'held BuildCommandFailed',
      'released BuildCommandFailed, retry: the signal retryBuild',
    ])
  })
})

test('a later run tells the end of a hold that an earlier one began', async () => {
  const cluster = notingCluster()
  cluster.outcomes = [failure]
  await withRun(cluster, async () => await held(cluster))
  cluster.told.length = 0
  await withRun(cluster, async (run) => {
    await expect
      .poll(async () => (await run.query('state')) as unknown, { timeout: 60_000 })
      .toMatchObject({ held: [{ reason: 'BuildCommandFailed' }] })
    cluster.nodeWork = 'loaded'
    await run.signal(retryBuild, { reason: 'the annotation retry-build' })
    await run.result()
    expect(cluster.told).toEqual(['released BuildCommandFailed, retry: the annotation retry-build'])
  })
})

test('a build that a person cancels is told of', async () => {
  const cluster = notingCluster()
  cluster.whileBuilding = async () => {
    const { cancellationSignal, heartbeat } = Context.current()
    await heartbeating(heartbeat, () => once(cancellationSignal, 'abort'))
    throw cancellationSignal.reason
  }
  await withRun(cluster, async (run) => {
    await expect
      .poll(() => cluster.calls.some((call) => call.startsWith('follow')), { timeout: 60_000 })
      .toBe(true)
    await run.cancel()
    await expect(run.result()).rejects.toThrow()
    expect(cluster.told).toEqual(['cancelled p-1 of 6.1.0'])
    expect(cluster.stored).toMatchObject({ phase: 'Cancelled' })
  })
})

test('a failed build whose inputs change is told to be superseded', async () => {
  const cluster = notingCluster()
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await held(cluster)
    cluster.inputHash = 'b'.repeat(40)
    cluster.nodeWork = 'loaded'
    await run.signal(doorbell, news)
    await run.result()
    expect(cluster.told).toContain('superseded p-1 of 6.1.0')
  })
})

/** A cluster with many nodes, of which the last takes until `end()`. */
class SlowCluster extends SimulatedCluster {
  /** As many as the cluster has loaded, and as the run has seen. */
  loaded = 0
  seen = 0
  end: () => void = () => undefined
  readonly #over = new Promise<void>((resolve) => (this.end = resolve))

  constructor() {
    super()
    this.image = { kind: 'present', digest, architectures }
    this.nodeWork = 'load'
    for (const method of ['readKernel', 'workOnNode'] as const)
      Object.defineProperty(this, method, { value: this[method].bind(this) })
  }
  override async readKernel() {
    const { uid, view } = await super.readKernel()
    this.seen = this.loaded
    const counts = { ...view.nodes.counts, targets: 9, loaded: this.loaded, waiting: 9 - this.loaded }
    return { uid, view: { ...view, nodes: { ...view.nodes, counts } } }
  }
  override async workOnNode(): Promise<NodeOutcome> {
    await heartbeating(
      () => Context.current().heartbeat(),
      async () => await this.#over,
    )
    this.nodeWork = 'loaded'
    return { kind: 'done', message: '', seen: {} }
  }
  /** What the last write of status says. */
  get written(): number | undefined {
    return this.stored?.nodes?.loaded
  }
}
const patience = { timeout: 60_000 }
const anHourMs = 3_600_000

test('news of node counts alone is not written so soon after the last write; with the end of the work it is', async () => {
  const cluster = new SlowCluster()
  const body = async (run: Parameters<Parameters<typeof withRun>[1]>[0]) => {
    await expect.poll(() => cluster.stored?.phase, patience).toBe('Loading')
    for (let loaded = 1; loaded <= 8; loaded++) {
      cluster.loaded = loaded
      await run.signal(doorbell, news)
      await expect.poll(() => cluster.seen, patience).toBe(loaded)
    }
    expect(cluster.written).toBe(0)
    cluster.end()
    await expect.poll(() => cluster.written, patience).toBe(8)
  }
  await withRun(cluster, body, { quietMs: anHourMs })
})

test('it is written after a while, though nothing else comes', async () => {
  const cluster = new SlowCluster()
  const body = async (run: Parameters<Parameters<typeof withRun>[1]>[0]) => {
    await expect.poll(() => cluster.stored?.phase, patience).toBe('Loading')
    cluster.loaded = 8
    await run.signal(doorbell, news)
    await expect.poll(() => cluster.written, patience).toBe(8)
    cluster.end()
  }
  await withRun(cluster, body, { quietMs: 1_000 })
})
