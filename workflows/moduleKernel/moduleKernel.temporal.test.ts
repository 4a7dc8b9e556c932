import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client'
import { Context } from '@temporalio/activity'
import { TestWorkflowEnvironment } from '@temporalio/testing'
import { bundleWorkflowCode, DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker'
import { ApplicationFailure } from '@temporalio/common'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type {
  BuildOutcome,
  BuildStart,
  HoldNews,
  ImageAnswer,
  KernelActivities,
  NodeOutcome,
  Seen,
} from '../../activities/contract.ts'
import { heartbeating } from '../../activities/heartbeat.ts'
import type { BuildPodView, BuildWish, KernelView } from '../../api/kernelView.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import { doorbell, retry, retryBuild } from '../messages.ts'
import type { moduleKernel } from './workflow.ts'

/**
 * The workflow on a real Temporal server; only what activities do to the world is simulated, by a few variables
 * that stand for the cluster and the registry.
 */
const image = 'reg.example/fpga:6.1.0'
const hash = 'a'.repeat(40)
const digest = `sha256:${'1'.repeat(64)}`
const architectures = ['amd64']
let env: TestWorkflowEnvironment
let workflowBundle: WorkflowBundle

beforeAll(async () => {
  // Failing activities belong to these tests.
  const logger = new DefaultLogger('ERROR')
  Runtime.install({ logger })
  env = await TestWorkflowEnvironment.createFromExistingServer({ address: inject('temporalAddress') })
  const workflowsPath = fileURLToPath(new URL('../index.ts', import.meta.url))
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger })
})
afterAll(async () => await env?.teardown())

class SimulatedCluster implements KernelActivities {
  image: ImageAnswer = { kind: 'absent' }
  outcomes: BuildOutcome[] = []
  pods: BuildPodView[] = []
  inputHash = hash
  configHash = 'c1'
  nodeWork: 'none' | 'load' | 'loaded' = 'none'
  stored: KernelView['stored']
  calls: string[] = []
  build: BuildWish | undefined
  holdNews: HoldNews | undefined
  rival: KernelView['rival']
  /** Pause between two looks at a hold. */
  holdPaceMs = 100

  async readKernel() {
    const generation = null
    const wish = {
      kind: 'wanted',
      image,
      generation,
      build: this.build ?? { kind: 'ready', inputHash: this.inputHash },
    } as const
    const verified = this.stored?.digest === undefined ? {} : { digest: this.stored.digest }
    const work =
      this.nodeWork === 'load' && this.stored?.digest !== undefined
        ? [{ node: 'n1', uid: 'u1', bootId: 'b1', action: 'Load', configHash: this.configHash } as const]
        : []
    const loaded = this.nodeWork === 'loaded' ? 1 : 0
    const counts = { targets: 1, loaded, failed: 0, waiting: 1 - loaded, unreachable: 0 }
    const nodes = { work, failures: [], truncated: false, counts }
    const stored = this.stored === undefined ? {} : { stored: this.stored }
    const view: KernelView = {
      module: 'alive',
      generation: 1,
      wish,
      architectures,
      pods: this.pods,
      nodes,
      ...(this.rival === undefined ? {} : { rival: this.rival }),
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
  async createBuildPod({ inputHash, attempt }: { inputHash: string; attempt: number }): Promise<BuildStart> {
    this.calls.push(`create ${attempt}`)
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
    const outcome = this.outcomes.shift() ?? ({ kind: 'succeeded', digest, log: 'built' } as const)
    const state = outcome.kind === 'succeeded' ? 'succeeded' : 'failed'
    if (outcome.kind === 'succeeded') this.image = { kind: 'present', digest, architectures }
    this.pods = this.pods.map((p) =>
      p.uid === pod.uid ? { ...p, state, collectAt: '2020-01-01T00:00:00Z' } : p,
    )
    return outcome
  }
  async removeBuildPod({ pod }: { pod: { name: string; uid: string } }) {
    this.calls.push(`remove ${pod.name}`)
    this.pods = this.pods.filter((p) => p.uid !== pod.uid)
  }
  async watchHold() {
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

const kernelStatus = { kernel: '6.1.0', image } as const

const failure: BuildOutcome = {
  kind: 'failed',
  reason: 'BuildCommandFailed',
  message: 'A command failed',
  errorLines: 'error: x',
  log: 'the log',
}

async function withRun(
  cluster: SimulatedCluster,
  body: (run: WorkflowHandle<typeof moduleKernel>) => Promise<void>,
  first?: 'retryBuild',
) {
  const taskQueue = `q-${randomUUID()}`
  const activities: Record<string, (...args: never[]) => unknown> = {}
  for (const name of Object.getOwnPropertyNames(SimulatedCluster.prototype)) {
    const method = cluster[name as keyof SimulatedCluster]
    if (name !== 'constructor' && typeof method === 'function')
      activities[name] = method.bind(cluster) as never
  }
  const { nativeConnection: connection, client } = env
  const worker = await Worker.create({
    connection,
    taskQueue,
    workflowBundle,
    activities,
    maxCachedWorkflows: 0,
    maxHeartbeatThrottleInterval: '500ms',
    defaultHeartbeatThrottleInterval: '500ms',
  })
  await worker.runUntil(async () => {
    const subject = { ref: { namespace: 'ns', name: 'fpga' }, uid: 'uid-1', kernel: '6.1.0' }
    const start = {
      workflowId: `module:test:${randomUUID()}`,
      taskQueue,
      args: [{ subject, watchQueue: taskQueue, quietMs: 50, seen: {} }] as Parameters<typeof moduleKernel>,
    }
    const run =
      first === undefined
        ? await client.workflow.start<typeof moduleKernel>('moduleKernel', start)
        : await client.workflow.signalWithStart<typeof moduleKernel, [object]>('moduleKernel', {
            ...start,
            signal: first,
            signalArgs: [{}],
          })
    try {
      await body(run)
    } finally {
      await run.terminate('test over').catch(() => undefined)
    }
  })
}

/** Waits until the run says it is held. */
async function held(cluster: SimulatedCluster) {
  await expect.poll(() => cluster.stored?.phase, { timeout: 20_000 }).toBe('BuildFailed')
}
const news = { changes: [{ kind: 'Pod', name: 'p', resourceVersion: '1' }] }

describe('a kernel run', () => {
  test('checks, builds, verifies, loads, collects and completes', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'load'
    await withRun(cluster, async (run) => {
      await run.result()
      const did = cluster.calls.filter((call) => !call.startsWith('report'))
      expect(did.filter((c) => c !== 'load n1' && c !== 'remove p-1')).toEqual([
        'check',
        'create 1',
        'follow p-1 as of 7',
        'check',
      ])
      expect(did).toEqual(expect.arrayContaining(['load n1', 'remove p-1']))
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest, attempt: 1 })
    })
  })

  test('skips the build of an image that exists', async () => {
    const cluster = new SimulatedCluster()
    cluster.image = { kind: 'present', digest, architectures }
    cluster.nodeWork = 'load'
    await withRun(cluster, async (run) => {
      await run.result()
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual([])
      expect(cluster.stored?.phase).toBe('Loaded')
    })
  })

  test('takes an image that another run has built between question and claim', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'load'
    cluster.createBuildPod = async () => ({ kind: 'present', digest, architectures })
    await withRun(cluster, async (run) => {
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
      expect(cluster.calls.filter((call) => call.startsWith('follow'))).toEqual([])
    })
  })

  test('waits for another run that builds its image, says so, and asks the registry afterwards', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'load'
    const ref = { namespace: 'others', name: 'twin' }
    cluster.rival = { ref, kernel: '6.1.0', pod: 'twin-build-1', inputs: 'same' }
    await withRun(cluster, async (run) => {
      await expect.poll(() => cluster.stored?.reason, { timeout: 20_000 }).toBe('ImageClaimed')
      expect(cluster.calls).not.toContain('check')
      expect(await run.query('state')).toMatchObject({ held: [] })
      cluster.rival = undefined
      cluster.image = { kind: 'present', digest, architectures }
      await run.signal(doorbell, news)
      await run.result()
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual([])
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
      expect(cluster.stored?.reason).toBeUndefined()
    })
  })

  test('holds on a failed build; the pod deleted by hand starts the next attempt', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      expect(cluster.stored).toMatchObject({
        reason: 'BuildCommandFailed',
        errorLines: 'error: x',
        buildPod: 'p-1',
      })
      expect(cluster.calls).not.toContain('remove p-1')
      cluster.pods = []
      cluster.nodeWork = 'loaded'
      await run.signal(doorbell, news)
      await run.result()
      expect(cluster.calls).toContain('create 2')
    })
  })

  test('signal retryBuild removes the pod and builds again', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      cluster.nodeWork = 'loaded'
      await run.signal(retryBuild, {})
      await run.result()
      const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
      expect(order.slice(0, 3)).toEqual(['create 1', 'remove p-1', 'create 2'])
    })
  })

  test('a retry that starts the run releases what it finds held', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'loaded'
    const failed = { name: 'p-1', uid: 'pod-1', image, inputHash: hash, attempt: 1, state: 'failed' } as const
    cluster.pods = [failed]
    cluster.stored = { ...kernelStatus, phase: 'BuildFailed', buildPod: 'p-1', attempt: 1, inputHash: hash }
    await withRun(
      cluster,
      async (run) => {
        await run.result()
        const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
        expect(order.slice(0, 2)).toEqual(['remove p-1', 'create 2'])
      },
      'retryBuild',
    )
  })

  describe('a cancelled build', () => {
    const cancelled = () => {
      const cluster = new SimulatedCluster()
      cluster.nodeWork = 'loaded'
      cluster.stored = {
        ...kernelStatus,
        phase: 'Cancelled',
        attempt: 1,
        inputHash: hash,
        reason: 'Cancelled',
      }
      return cluster
    }
    const made = ({ calls }: SimulatedCluster) => calls.filter((call) => call.startsWith('create'))

    test('is not started again by a bell', async () => {
      const cluster = cancelled()
      await withRun(cluster, async (run) => {
        await run.signal(doorbell, news)
        await run.result()
        expect(cluster.stored?.phase).toBe('Cancelled')
        expect(cluster.calls).not.toContain('check')
      })
    })

    test('is started again by a retry', async () => {
      const cluster = cancelled()
      await withRun(
        cluster,
        async (run) => {
          await run.result()
          expect(made(cluster)).toEqual(['create 2'])
          expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
        },
        'retryBuild',
      )
    })

    test('is started again by changed inputs', async () => {
      const cluster = cancelled()
      cluster.inputHash = 'b'.repeat(40)
      await withRun(cluster, async (run) => {
        await run.result()
        expect(made(cluster)).toEqual(['create 1'])
      })
    })
  })

  test('a second failure is held again: a retry is used once', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure, failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      await run.signal(retryBuild, {})
      await expect.poll(() => cluster.stored?.attempt, { timeout: 20_000 }).toBe(2)
      await held(cluster)
      await run.signal(doorbell, news)
      await expect
        .poll(async () => (await run.query('state')) as unknown, { timeout: 20_000 })
        .toMatchObject({ held: [{ reason: 'BuildCommandFailed' }] })
      expect(cluster.calls).not.toContain('create 3')
    })
  })

  test('update retry refuses when nothing is held, and answers when something is', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    let begin: () => void = () => undefined
    const started = new Promise<void>((resolve) => (begin = resolve))
    const check = cluster.checkImage.bind(cluster)
    let asked = false
    cluster.checkImage = async () => {
      asked = true
      await started
      return await check()
    }
    await withRun(cluster, async (run) => {
      await expect.poll(() => asked, { timeout: 20_000 }).toBe(true)
      const refused = run.executeUpdate(retry, { args: [{}] })
      await expect(refused).rejects.toThrow(WorkflowUpdateFailedError)
      begin()
      await held(cluster)
      cluster.nodeWork = 'loaded'
      const answer = await run.executeUpdate(retry, { args: [{ reason: 'mended' }] })
      expect(answer.released).toEqual(['failed:pod-a-1'])
      await run.result()
    })
  })

  test('an image that appears by other means ends the hold', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      cluster.nodeWork = 'loaded'
      cluster.holdNews = { kind: 'imagePresent', digest, architectures }
      await run.result()
      expect(cluster.stored).toMatchObject({ digest, phase: 'Loaded' })
      expect(cluster.calls).not.toContain('create 2')
    })
  })

  describe('an image that nobody builds and that is not there', () => {
    const hours = 5 * 3_600_000
    async function missing(body: (cluster: SimulatedCluster, run: WorkflowHandle) => Promise<void>) {
      const cluster = new SimulatedCluster()
      cluster.build = { kind: 'none' }
      cluster.holdPaceMs = hours
      await withRun(cluster, async (run) => {
        await expect.poll(() => cluster.calls, { timeout: 20_000 }).toContain('look')
        expect(cluster.stored).toMatchObject({ phase: 'WaitingForImage', reason: 'ImageMissing' })
        await body(cluster, run)
      })
    }

    test('a doorbell looks at once', async () => {
      await missing(async (cluster, run) => {
        cluster.holdNews = { kind: 'imagePresent', digest, architectures }
        cluster.nodeWork = 'loaded'
        await run.signal(doorbell, news)
        await run.result()
        expect(cluster.stored).toMatchObject({ digest, architectures, phase: 'Loaded' })
        expect(cluster.calls.filter((call) => call === 'check')).toHaveLength(1)
      })
    })

    test('a doorbell for nothing leaves the hold as it is', async () => {
      await missing(async (cluster, run) => {
        const reports = cluster.calls.filter((call) => call.startsWith('report'))
        await run.signal(doorbell, news)
        const looks = () => cluster.calls.filter((call) => call === 'look')
        await expect.poll(looks, { timeout: 20_000 }).toHaveLength(2)
        expect(cluster.calls.filter((call) => call.startsWith('report'))).toEqual(reports)
      })
    })

    test('retryBuild asks the registry anew', async () => {
      await missing(async (cluster, run) => {
        cluster.image = { kind: 'present', digest, architectures }
        cluster.nodeWork = 'loaded'
        await run.signal(retryBuild)
        await run.result()
        expect(cluster.stored).toMatchObject({ digest, phase: 'Loaded' })
      })
    })
  })

  test('an image for other architectures is held, never built over, until another one is there', async () => {
    const cluster = new SimulatedCluster()
    cluster.image = { kind: 'present', digest, architectures: ['arm64'] }
    await withRun(cluster, async (run) => {
      await expect.poll(() => cluster.calls, { timeout: 20_000 }).toContain('look')
      expect(cluster.stored).toMatchObject({ phase: 'WaitingForImage', reason: 'ArchitectureMissing' })
      expect(cluster.stored).not.toHaveProperty('digest')
      cluster.nodeWork = 'loaded'
      cluster.holdNews = { kind: 'imagePresent', digest, architectures: ['amd64', 'arm64'] }
      await run.result()
      expect(cluster.stored).toMatchObject({ digest, architectures: ['amd64', 'arm64'], phase: 'Loaded' })
      expect(cluster.calls.some((call) => call.startsWith('create'))).toBe(false)
    })
  })

  test('changed inputs supersede a held build: the old pod goes before the new one is made', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      cluster.inputHash = 'b'.repeat(40)
      cluster.nodeWork = 'loaded'
      await run.signal(doorbell, news)
      await run.result()
      const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
      expect(order.slice(0, 3)).toEqual(['create 1', 'remove p-1', 'create 1'])
    })
  })

  test('what the cluster refuses for good is a hold, not a failed run', async () => {
    const cluster = new SimulatedCluster()
    let refuse = true
    const create = cluster.createBuildPod.bind(cluster)
    cluster.createBuildPod = async (request) => {
      if (refuse) throw ApplicationFailure.nonRetryable('spec.tolerations: invalid', 'KubeRejected')
      return await create(request)
    }
    await withRun(cluster, async (run) => {
      await expect.poll(() => cluster.stored?.reason, { timeout: 20_000 }).toBe('KubeRejected')
      refuse = false
      cluster.nodeWork = 'loaded'
      await run.signal(retryBuild, {})
      await run.result()
    })
  })

  test('other work on a node cancels the work that is under way there', async () => {
    const cluster = new SimulatedCluster()
    cluster.image = { kind: 'present', digest, architectures }
    cluster.nodeWork = 'load'
    const done: string[] = []
    cluster.workOnNode = async ({ work }: { work: NodeWork }) => {
      if (work.configHash === 'c1') {
        done.push('begun')
        const { cancelled, heartbeat } = Context.current()
        await heartbeating(
          () => heartbeat(),
          async () => await cancelled,
        ).finally(() => done.push('cancelled'))
      }
      done.push(work.configHash)
      cluster.nodeWork = 'loaded'
      return { kind: 'done', message: '', seen: {} }
    }
    await withRun(cluster, async (run) => {
      await expect.poll(() => done, { timeout: 20_000 }).toEqual(['begun'])
      cluster.configHash = 'c2'
      await run.signal(doorbell, news)
      await run.result()
      expect(done).toEqual(['begun', 'cancelled', 'c2'])
    })
  })

  test('cancelled by a person: the pod stops and status says so', async () => {
    const cluster = new SimulatedCluster()
    cluster.followBuildPod = async () => {
      const { cancelled, heartbeat } = Context.current()
      return await heartbeating(
        () => heartbeat(),
        async () => await cancelled,
      )
    }
    await withRun(cluster, async (run) => {
      await expect.poll(() => cluster.pods.length, { timeout: 20_000 }).toBe(1)
      await run.cancel()
      await expect(run.result()).rejects.toThrow()
      expect(cluster.stored).toMatchObject({ phase: 'Cancelled', inputHash: hash })
      expect(cluster.pods).toEqual([])
    })
  })
})
