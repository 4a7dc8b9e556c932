import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client'
import { Context } from '@temporalio/activity'
import { ApplicationFailure } from '@temporalio/common'
import { describe, expect, test } from 'vitest'
import { heartbeating } from '../../activities/heartbeat.ts'
import type { NodeWork } from '../../api/nodePlan.ts'
import { doorbell, retry, retryBuild } from '../messages.ts'
import { pageOf } from './testing/page.ts'
import {
  architectures,
  digest,
  failure,
  hash,
  held,
  news,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()

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

  test('a second failure is held again: a retry is used once', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure, failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      await run.signal(retryBuild, {})
      await expect.poll(() => cluster.stored?.attempt, { timeout: 60_000 }).toBe(2)
      await held(cluster)
      await run.signal(doorbell, news)
      await expect
        .poll(async () => (await run.query('state')) as unknown, { timeout: 60_000 })
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
      await expect.poll(() => asked, { timeout: 60_000 }).toBe(true)
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
        await expect.poll(() => cluster.calls, { timeout: 60_000 }).toContain('look')
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
        await expect.poll(looks, { timeout: 60_000 }).toHaveLength(2)
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
      await expect.poll(() => cluster.calls, { timeout: 60_000 }).toContain('look')
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
      await expect.poll(() => cluster.stored?.reason, { timeout: 60_000 }).toBe('KubeRejected')
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
      await expect.poll(() => done, { timeout: 60_000 }).toEqual(['begun'])
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
      await expect.poll(() => cluster.pods.length, { timeout: 60_000 }).toBe(1)
      const waits =
        /Phase\*\*: Building\n[^]*#### Waits for\n- build pod ns\/fpga-build-aaaaaaaa-1, which is to be made/
      await expect.poll(() => pageOf(run), { timeout: 60_000 }).toMatch(waits)
      await run.cancel()
      await expect(run.result()).rejects.toThrow()
      expect(cluster.stored).toMatchObject({ phase: 'Cancelled', inputHash: hash })
      expect(cluster.pods).toEqual([])
      expect(await pageOf(run)).toMatch(
        /Phase\*\*: Cancelled\n[^]*\*\*Cancelled\*\*: The run was cancelled\.[^]*retry-build=6\.1\.0\n```$/,
      )
    })
  })
})
