import { Context } from '@temporalio/activity'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { doorbell } from '../messages.ts'
import { failure, held, SimulatedCluster, useKernelRuns } from './testing/simulatedCluster.ts'
import type { WorkflowHandle } from '@temporalio/client'

/** Runs whose history grows so long that Temporal asks for a new one. */
const withRun = useKernelRuns()

/** More than the 4 MB of history at which it asks, in payloads that a person can still read. */
async function fill(run: WorkflowHandle): Promise<void> {
  const name = 'x'.repeat(70 * 1024)
  const news = { changes: [{ kind: 'Pod', name, resourceVersion: '1' }] }
  await Promise.all(Array.from({ length: 70 }, () => run.signal(doorbell, news)))
}

/** As an activity that follows a pod: until its run wants it no more. */
async function untilCancelled(): Promise<never> {
  const { heartbeat, cancellationSignal } = Context.current()
  while (!cancellationSignal.aborted) {
    heartbeat()
    await sleep(100)
  }
  throw cancellationSignal.reason
}

describe('a run that Temporal wants to go on in a new history', () => {
  test('goes on in the middle of a build, which is found again and not made again', async () => {
    const cluster = new SimulatedCluster()
    cluster.nodeWork = 'loaded'
    let follows = 0
    cluster.whileBuilding = async () => {
      if (++follows === 1) await untilCancelled()
    }
    await withRun(cluster, async (run) => {
      await expect.poll(() => follows, { timeout: 60_000 }).toBe(1)
      const { runId } = await run.describe()
      await fill(run)
      await run.result()
      expect((await run.describe()).runId).not.toBe(runId)
      expect(cluster.stored).toMatchObject({ phase: 'Loaded', attempt: 1 })
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual(['create 1'])
      expect(follows).toBe(2)
    })
  })

  test('keeps what a person has released meanwhile', async () => {
    const cluster = new SimulatedCluster()
    cluster.outcomes = [failure]
    cluster.nodeWork = 'loaded'
    let released = false
    await withRun(cluster, async (run) => {
      await held(cluster)
      // The retry is heard while the run says for the last time what it does.
      cluster.meanwhile = async () => {
        if (released) return
        released = true
        await run.signal('retryBuild', {})
      }
      const { runId } = await run.describe()
      await fill(run)
      await run.result()
      expect((await run.describe()).runId).not.toBe(runId)
      expect(cluster.calls.filter((call) => call.startsWith('create'))).toEqual(['create 1', 'create 2'])
    })
  })
})
