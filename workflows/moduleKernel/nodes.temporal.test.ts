import { Context } from '@temporalio/activity'
import type { WorkflowHandle } from '@temporalio/client'
import { expect, test } from 'vitest'
import type { NodeOutcome, NodeRequest } from '../../activities/contract.ts'
import { heartbeating } from '../../activities/heartbeat.ts'
import type { NodeFailure, NodePlan, NodeWork } from '../../api/nodePlan.ts'
import { viewNodes } from '../../api/nodesView.ts'
import { testConfig, testRef } from '../../api/testCluster.ts'
import { doorbell, retryBuild } from '../messages.ts'
import { testImage, testView } from './testView.ts'
import { pageOf } from './testing/page.ts'
import { SimulatedCluster, useKernelRuns } from './testing/simulatedCluster.ts'

/** How a run works on many nodes, on a real Temporal server; the nodes themselves are simulated by a list of plans. */
const withRun = useKernelRuns()

const entry = { ...testRef, serviceAccountName: 'default', config: testConfig() }

/** Nodes to be loaded, and how many of them are worked on at once. */
class SimulatedNodes extends SimulatedCluster {
  readonly plans = new Map<string, NodePlan>()
  readonly maxParallel: number
  readonly begun: string[] = []
  most = 0
  /** So many were loaded when the run last looked. */
  seen = 0
  /** As the last request said it. */
  retries: number | undefined
  #now = 0
  /** What comes of work on a node; by default it is loaded. */
  work: (work: NodeWork) => Promise<NodePlan> = async () => ({ kind: 'loaded' })

  constructor(count: number, maxParallel: number) {
    super()
    this.maxParallel = maxParallel
    for (let index = 0; index < count; index++) this.want(`n${index}`)
  }

  want(node: string, change: Partial<NodeWork> = {}): void {
    const work = { node, uid: node, bootId: 'b', action: 'Load', configHash: 'c', ...change } as const
    this.plans.set(node, { kind: 'work', work, entry })
  }

  fails(work: NodeWork, change: Partial<NodeFailure>): NodePlan {
    const failure = {
      ...work,
      reason: 'R',
      message: 'm',
      attempts: 1,
      at: new Date().toISOString(),
      ...change,
    }
    return { kind: 'failed', entry, failure }
  }

  override async readKernel() {
    const plans = [...this.plans.values()].map((plan) => ({ target: true, plan }))
    this.seen = plans.filter(({ plan }) => plan.kind === 'loaded').length
    const stored = this.stored === undefined ? {} : { stored: this.stored }
    const view = testView({ digest: 'd', nodes: viewNodes(plans, this.maxParallel), ...stored })
    return { uid: 'uid-1', view }
  }
  /** Resolves when `count` nodes have been at work at the same time, now or before. */
  async manyAtOnce(count: number): Promise<void> {
    await expect.poll(() => this.most, { timeout: 60_000 }).toBeGreaterThanOrEqual(count)
  }
  override async workOnNode({ work, retries }: Pick<NodeRequest, 'work' | 'retries'>): Promise<NodeOutcome> {
    this.begun.push(work.node)
    this.retries = retries
    this.most = Math.max(this.most, ++this.#now)
    try {
      this.plans.set(work.node, await this.work(work))
      return { kind: 'done', message: '', seen: {} }
    } finally {
      this.#now--
    }
  }
}

const ring = { changes: [{ kind: 'Module', name: 'fpga', resourceVersion: '2' }] }
/** Longer than Temporal takes to begin one activity more, if it were let. */
const moment = async () => await new Promise((resolve) => setTimeout(resolve, 30))
/** Activities of one name in a run's history. */
async function eventsOf(run: WorkflowHandle, type: string): Promise<number> {
  const { events } = await run.fetchHistory()
  return (events ?? []).filter((event) => (event as unknown as Record<string, unknown>)[type] != null).length
}

test('no more than maxParallel nodes at once, and a node that fails stops no other; it is retried alone', async () => {
  const nodes = new SimulatedNodes(20, 3)
  nodes.work = async (work) => {
    await nodes.manyAtOnce(3)
    await moment()
    return work.node === 'n1' ? nodes.fails(work, { reason: 'KeyRejected' }) : { kind: 'loaded' }
  }
  await withRun(nodes, async (run) => {
    const kinds = () => [...nodes.plans.values()].map(({ kind }) => kind)
    await expect.poll(() => kinds().filter((kind) => kind === 'loaded').length, { timeout: 60_000 }).toBe(19)
    await expect.poll(() => nodes.stored?.reason, { timeout: 60_000 }).toBe('KeyRejected')
    expect(nodes.most).toBe(3)
    expect(nodes.begun).toHaveLength(20)
    expect(nodes.retries).toBeUndefined()
    await run.signal(retryBuild, {})
    await expect.poll(() => nodes.begun.slice(20), { timeout: 60_000 }).toEqual(['n1'])
    expect(nodes.retries).toBe(1)
  })
})

test('nodes that come and load one after another: status is not written for each', async () => {
  const count = 20
  const nodes = new SimulatedNodes(1, count)
  const loaded = (so: number) => expect.poll(() => nodes.seen, { timeout: 60_000 }).toBe(so)
  const body = async (run: WorkflowHandle) => {
    await loaded(1)
    for (let index = 1; index < count; index++) {
      nodes.want(`n${index}`)
      await run.signal(doorbell, ring)
      await loaded(index + 1)
    }
    const written = nodes.calls.filter((call) => call.startsWith('report'))
    // Then as many last words as may be said ahead.
    expect(written.slice(0, 2)).toEqual(['report Loading', 'report Loaded'])
    expect(written.length).toBeLessThan(10)
    expect(nodes.stored?.nodes?.loaded).toBeLessThan(count)
  }
  await withRun(nodes, body, { quietMs: 3_600_000 })
})

test("nodes whose pod is stuck, or that are in use, take nobody's place", async () => {
  const nodes = new SimulatedNodes(6, 1)
  const retryAt = new Date(Date.now() + 3_600_000).toISOString()
  nodes.work = async (work) => {
    if (work.node === 'n0') return nodes.fails(work, { reason: 'InUse', retryAt, notBefore: retryAt })
    if (work.node !== 'n1') return { kind: 'loaded' }
    nodes.want('n1', { trouble: { reason: 'ImagePullBackOff', message: 'not found' } })
    const { heartbeat, cancelled } = Context.current()
    return await heartbeating(
      () => heartbeat(),
      async () => await cancelled,
    )
  }
  await withRun(nodes, async (run) => {
    await expect.poll(() => nodes.begun, { timeout: 60_000 }).toEqual(['n0', 'n1'])
    await run.signal(doorbell, ring)
    await expect
      .poll(() => [...nodes.plans.values()].filter(({ kind }) => kind === 'loaded').length, {
        timeout: 60_000,
      })
      .toBe(4)
    await expect.poll(() => nodes.stored?.message, { timeout: 60_000 }).toContain(`tried again at ${retryAt}`)
    expect(await pageOf(run)).toContain(
      `#### Nodes that wait\n- **n0**: InUse: m (failed once, tried again at ${retryAt})\n- **n1**: ImagePullBackOff: not found`,
    )
  })
})

test('a module in use is tried again at its time, not before', async () => {
  const nodes = new SimulatedNodes(1, 3)
  // Longer than a busy machine takes to come to the timer.
  const pause = 3_000
  const due: number[] = []
  nodes.work = async (work) => {
    due.push(Date.now())
    if (due.length === 3) return { kind: 'loaded' }
    const retryAt = new Date(Date.now() + pause).toISOString()
    return nodes.fails(work, { reason: 'InUse', attempts: due.length, retryAt, notBefore: retryAt })
  }
  await withRun(nodes, async (run) => {
    await run.result()
    expect(nodes.begun).toHaveLength(3)
    expect(due[1]! - due[0]!).toBeGreaterThanOrEqual(pause - 10)
    // Each pause is one timer, whatever else rings meanwhile.
    expect(await eventsOf(run, 'timerStartedEventAttributes')).toBe(3)
  })
})

test('users.md 1: wanted again while it pauses, the unload is not tried any more', async () => {
  const nodes = new SimulatedNodes(0, 3)
  nodes.want('n0', { action: 'Unload' })
  const retryAt = new Date(Date.now() + 3_600_000).toISOString()
  nodes.work = async (work) => nodes.fails(work, { reason: 'InUse', retryAt, notBefore: retryAt })
  await withRun(nodes, async (run) => {
    await expect.poll(() => nodes.stored?.reason, { timeout: 60_000 }).toBe('InUse')
    nodes.plans.set('n0', { kind: 'loaded' })
    await run.signal(doorbell, ring)
    await run.result()
    expect(nodes.begun).toEqual(['n0'])
    expect(nodes.stored).toMatchObject({ phase: 'Loaded', image: testImage })
    expect(nodes.stored?.reason).toBeUndefined()
  })
})

test('wanted again while its pod waits, the unload under way is cancelled', async () => {
  const nodes = new SimulatedNodes(0, 3)
  nodes.want('n0', { action: 'Unload' })
  let cancelled = false
  nodes.work = async () => {
    const { heartbeat, cancellationSignal } = Context.current()
    await heartbeating(
      () => heartbeat(),
      async () =>
        await new Promise<void>((resolve) => cancellationSignal.addEventListener('abort', () => resolve())),
    )
    cancelled = true
    return { kind: 'loaded' }
  }
  await withRun(nodes, async (run) => {
    await expect.poll(() => nodes.begun, { timeout: 60_000 }).toEqual(['n0'])
    nodes.plans.set('n0', { kind: 'loaded' })
    await run.signal(doorbell, ring)
    await run.result()
    expect(cancelled).toBe(true)
  })
})
