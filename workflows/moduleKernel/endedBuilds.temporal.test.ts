import { describe, expect, test } from 'vitest'
import { buildLog, doorbell, retry, retryBuild, state } from '../messages.ts'
import { summaryOf } from '../testing/readableHistory.ts'
import {
  digest,
  evicted,
  failure,
  held,
  image,
  news,
  SimulatedCluster,
  useKernelRuns,
} from './testing/simulatedCluster.ts'
import { interruptedEntry } from './testView.ts'

const withRun = useKernelRuns()

describe('a build without an image', () => {
  test('a build that the cluster ended is made again after a pause, each time a longer one', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [evicted, evicted]
    await withRun(
      cluster,
      async (run) => {
        cluster.nodeWork = 'loaded'
        await run.result()
        const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
        expect(order.slice(0, 5)).toEqual(['create 1', 'remove p-1', 'create 2', 'remove p-2', 'create 3'])
        expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 3 })
        const { events } = await run.fetchHistory()
        const timers = (events ?? []).filter((event) => event.timerStartedEventAttributes)
        expect(timers.map(summaryOf)).toEqual([
          'Evicted: once more, 1 of 3, after a pause',
          'Evicted: once more, 2 of 3, after a pause',
          expect.stringContaining('nothing left to do'),
        ])
      },
      { rerunPauseMs: 2_000 },
    )
  })

  test.each(['kept', 'gone'] as const)(
    'after three times it is held, its pods %s; a retry begins anew',
    async (where) => {
      const cluster = new SimulatedCluster()
      cluster.outcomes = [evicted, evicted, evicted, evicted, evicted]
      cluster.interruptedPods = where
      await withRun(cluster, async (run) => {
        await held(cluster)
        expect(cluster.stored).toMatchObject({ reason: 'Evicted', attempt: 4 })
        expect(cluster.stored?.interruptions?.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4])
        expect(cluster.calls).not.toContain('create 5')
        cluster.nodeWork = 'loaded'
        await run.executeUpdate(retry, { args: [{}] })
        await run.result()
        expect(cluster.calls).toContain('create 6')
        expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 6 })
      })
    },
  )

  test('the count of interruptions outlives the run', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [evicted, evicted]
    cluster.stored = interruptedEntry(3, { image })
    await withRun(cluster, async () => {
      await expect.poll(() => cluster.stored?.phase, { timeout: 60_000 }).toBe('BuildFailed')
      expect(cluster.stored).toMatchObject({ reason: 'Evicted', attempt: 4 })
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual(['create 4'])
    })
  })

  test('a failed pod that vanishes with its Node keeps its hold until a retry', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [{ ...failure, node: { name: 'n1', uid: 'node-1' } }]
    await withRun(cluster, async (run) => {
      await held(cluster)
      expect(cluster.stored?.buildNode).toEqual({ name: 'n1', uid: 'node-1' })
      cluster.pods = []
      cluster.lostNode = 'n1'
      await run.signal(doorbell, news)
      await expect
        .poll(() => cluster.stored?.message, { timeout: 60_000 })
        .toContain('Its pod has vanished with node n1')
      expect(cluster.calls).not.toContain('create 2')
      cluster.nodeWork = 'loaded'
      await run.signal(retryBuild, {})
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 2 })
    })
  })

  test('a changed Secret ends that hold too, though the pod that knew its Secrets is gone', async () => {
    const cluster = new SimulatedCluster()
    const secrets = { token: 'uid-1/7' }
    cluster.outcomes = [{ ...failure, node: { name: 'n1', uid: 'node-1' }, secrets }]
    await withRun(cluster, async (run) => {
      await held(cluster)
      expect(cluster.stored?.buildSecrets).toEqual(secrets)
      cluster.pods = []
      cluster.lostNode = 'n1'
      await run.signal(doorbell, news)
      const looked = () => [cluster.looked?.pod, cluster.looked?.secrets]
      await expect.poll(looked, { timeout: 60_000 }).toEqual([undefined, secrets])
      cluster.nodeWork = 'loaded'
      cluster.holdNews = { kind: 'secretChanged', secret: 'ns/token' }
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 2 })
    })
  })

  test('a changed Secret ends the hold: the failed pod goes, the build is made again', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      await held(cluster)
      cluster.nodeWork = 'loaded'
      cluster.holdNews = { kind: 'secretChanged', secret: 'ns/token' }
      await run.result()
      const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
      expect(order.slice(0, 3)).toEqual(['create 1', 'remove p-1', 'create 2'])
    })
  })

  test('a build that ends well and whose image is not there is held; a retry builds again', async () => {
    const cluster = new SimulatedCluster()
    cluster.losesPushes = true
    await withRun(cluster, async (run) => {
      await held(cluster)
      expect(cluster.stored).toMatchObject({ reason: 'BuiltButMissing', attempt: 1, buildPod: 'p-1' })
      expect(cluster.stored?.message).toContain(`says it pushed ${image}, but the registry does not have it`)
      expect(cluster.stored).not.toHaveProperty('digest')
      expect(cluster.pods).toMatchObject([{ name: 'p-1', state: 'succeeded' }])
      expect(cluster.calls).not.toContain('create 2')
      cluster.losesPushes = false
      cluster.nodeWork = 'loaded'
      await run.signal(retryBuild, {})
      await run.result()
      const order = cluster.calls.filter((c) => c.startsWith('remove') || c.startsWith('create'))
      expect(order.slice(0, 3)).toEqual(['create 1', 'remove p-1', 'create 2'])
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', digest, attempt: 2 })
    })
  })

  test('a build whose ConfigMap goes meanwhile says how it failed, and what is missing for the next (images:BLD-S2)', async () => {
    const cluster = new SimulatedCluster()
    const missing = { reason: 'DockerfileConfigMapMissing', field: 'build', message: 'It is gone.' }
    cluster.outcomes = [failure]
    await withRun(cluster, async (run) => {
      cluster.whileBuilding = async () => {
        cluster.whileBuilding = async () => undefined
        cluster.build = { kind: 'invalid', ...missing }
        const before = cluster.reads
        await run.signal(doorbell, news)
        await expect.poll(() => cluster.reads, { timeout: 60_000 }).toBeGreaterThan(before)
      }
      await held(cluster)
      const { errorLines, reason } = failure
      expect(cluster.stored).toMatchObject({ reason, errorLines, buildPod: 'p-1' })
      expect(await run.query(buildLog)).toEqual({ pod: 'p-1', log: failure.log })
      const { held: holds } = await run.query(state)
      expect(holds.map((hold) => hold.reason)).toEqual([reason, missing.reason])
      await run.signal(retryBuild, {})
      await expect.poll(() => cluster.stored?.reason, { timeout: 60_000 }).toBe(missing.reason)
      expect(cluster.pods).toEqual([])
      cluster.build = undefined
      cluster.nodeWork = 'loaded'
      await run.signal(doorbell, news)
      await run.result()
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 2 })
    })
  })

  test('the log of the last build is told after its pod is gone', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'loaded'
    await withRun(cluster, async (run) => {
      await run.result()
      expect(cluster.pods).toEqual([])
      expect(await run.query(buildLog)).toEqual({ pod: 'p-1', log: 'built' })
    })
  })

  test('a hold that outgrows its history goes on in a new one, and keeps the whole log', async () => {
    const cluster = new SimulatedCluster()
    const log = `>>> "error": ü\n`.repeat(4096)
    cluster.outcomes = [{ ...failure, log }]
    await withRun(cluster, async (run) => {
      await held(cluster)
      const before = (await run.describe()).runId
      await Promise.all(Array.from({ length: 1_000 }, () => run.signal(doorbell, news)))
      const runId = async () => (await run.describe()).runId
      await expect.poll(runId, { timeout: 60_000 }).not.toBe(before)
      expect(await run.query(buildLog)).toEqual({ pod: 'p-1', log })
      expect(cluster.calls.filter((call) => call.startsWith('follow'))).toHaveLength(1)
    })
  })
})
