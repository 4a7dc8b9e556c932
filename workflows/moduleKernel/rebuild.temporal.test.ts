import { Context } from '@temporalio/activity'
import type { WorkflowHandle } from '@temporalio/client'
import { expect, test } from 'vitest'
import { heartbeating } from '../../activities/heartbeat.ts'
import { doorbell, retryBuild } from '../messages.ts'
import {
  architectures,
  digest,
  failure,
  held,
  kernelStatus,
  news,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'

const withRun = useKernelRuns()
const old = `sha256:${'0'.repeat(64)}`

/** An image that is there and in use, when somebody asks for a rebuild. */
function asked(): SimulatedCluster {
  const cluster = new SimulatedCluster()
  cluster.image = { kind: 'present', digest: old, architectures }
  cluster.nodeWork = 'loaded'
  cluster.stored = { ...kernelStatus, phase: 'Loaded', digest: old, attempt: 1, inputHash: cluster.inputHash }
  cluster.rebuildAsked = true
  return cluster
}

/** Cancels a run whose rebuild is under way, or has failed: it is given up. */
async function cancel(cluster: SimulatedCluster, run: WorkflowHandle): Promise<void> {
  await run.cancel()
  await expect(run.result()).rejects.toThrow()
  expect(cluster.pods).toEqual([])
  expect(cluster.stored).toMatchObject({ phase: 'Cancelled' })
  expect(cluster.stored).not.toHaveProperty('rebuild')
}

/** A retry after that takes the image that is there, and nothing is built. */
async function takesTheOld(cluster: SimulatedCluster): Promise<void> {
  await withRun(
    cluster,
    async (run) => {
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest: old })
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual(['create 2 again'])
    },
    { first: 'retryBuild' },
  )
}
const builds = ({ calls }: SimulatedCluster) => calls.filter((call) => /^(create|remove|look)/.test(call))

test('images:MIC-10 Better: an image that is there is built again once, though the annotation stands', async () => {
  const cluster = asked()
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest, rebuild: { from: 2, done: true } })
    expect(builds(cluster)).toEqual(['create 2 again', 'remove p-2'])
    // The only question is about what was pushed.
    expect(cluster.calls.filter((call) => call === 'check')).toHaveLength(1)
  })
  cluster.rebuildAsked = false
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.stored).not.toHaveProperty('rebuild')
    expect(builds(cluster)).toEqual(['create 2 again', 'remove p-2'])
  })
})

test('a run that begins in the middle goes on: the request is in status', async () => {
  const cluster = asked()
  cluster.rebuildAsked = false
  cluster.stored = { ...kernelStatus, phase: 'Building', rebuild: { from: 2 } }
  await withRun(cluster, async (run) => {
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
    expect(builds(cluster)).toEqual(['create 2 again', 'remove p-2'])
  })
})

test('one that fails is held although the image is there, and a retry builds again', async () => {
  const cluster = asked()
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await held(cluster)
    cluster.rebuildAsked = false
    await run.signal(doorbell, news)
    await expect.poll(() => cluster.looked, { timeout: 60_000 }).toMatchObject({ rebuild: true })
    expect(cluster.stored).toMatchObject({ rebuild: { from: 2 }, attempt: 2 })
    await run.signal(retryBuild, {})
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest, attempt: 3 })
    expect(cluster.stored).not.toHaveProperty('rebuild')
  })
})

test('one that failed is cancelled as well: its pod goes, and a retry takes the image that is there', async () => {
  const cluster = asked()
  cluster.outcomes = [failure]
  await withRun(cluster, async (run) => {
    await held(cluster)
    cluster.rebuildAsked = false
    await cancel(cluster, run)
  })
  await takesTheOld(cluster)
})

test('held on an image for other nodes, it ends with one for them that somebody pushes', async () => {
  const cluster = asked()
  cluster.rebuildAsked = false
  cluster.stored = { ...kernelStatus, phase: 'Building', rebuild: { from: 2 } }
  cluster.checkImage = async () => ({ kind: 'present', digest: old, architectures: ['s390x'] })
  await withRun(cluster, async (run) => {
    await expect.poll(() => cluster.stored?.reason, { timeout: 60_000 }).toBe('ArchitectureMissing')
    expect(cluster.stored).toMatchObject({ rebuild: { from: 2 } })
    cluster.holdNews = { kind: 'imagePresent', digest, architectures }
    await run.result()
    expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest })
    expect(cluster.looked).toMatchObject({ made: ['s390x'] })
    expect(cluster.looked).not.toHaveProperty('rebuild')
  })
})

test('one that is cancelled is given up: a retry takes the image that is there', async () => {
  const cluster = asked()
  cluster.rebuildAsked = false
  cluster.stored = { ...kernelStatus, phase: 'Building', rebuild: { from: 2 } }
  await withRun(cluster, async (run) => {
    cluster.whileBuilding = async () => {
      const { cancelled, heartbeat } = Context.current()
      await heartbeating(
        () => heartbeat(),
        async () => await cancelled,
      )
    }
    await expect.poll(() => cluster.pods.length, { timeout: 60_000 }).toBe(1)
    await cancel(cluster, run)
  })
  await takesTheOld(cluster)
})
